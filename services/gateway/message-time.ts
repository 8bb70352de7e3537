/** When a message was made, read off its event's bytes: to parse the JSON of each message would cost more than to deliver it. Pure. */

const mark = Buffer.from('"ts":"');
/** `{"type":"mes`, which no other event begins with */
const typeAt = 9;
const typeIs = Buffer.from("mes");

/**
 * @param event a client event as a channel server renders it (docs/protocol.md)
 * @returns ms since the epoch, by its channel server's clock; undefined where it is no message
 */
export function messageTime(event: Uint8Array): number | undefined {
  if (event[typeAt] !== typeIs[0] || event[typeAt + 1] !== typeIs[1] || event[typeAt + 2] !== typeIs[2]) return undefined;
  // A quote within the text is escaped, so that this is found in no text.
  const at = Buffer.from(event.buffer, event.byteOffset, event.length).indexOf(mark);
  if (at < 0) return undefined;
  let [ms, digits] = [0, 0];
  for (let i = at + mark.length; digits < 13; i++) {
    const byte = event[i]!;
    if (byte === 0x2e) continue; // seconds.micros, of which the first three digits are milliseconds
    if (!(byte >= 0x30 && byte <= 0x39)) return undefined;
    ms = ms * 10 + byte - 0x30;
    digits++;
  }
  return ms;
}
