/** Pins are changed as a whole list: what an operator wants is one of them. */

type Pin = readonly [slot: number, server: string];

/** The list in which a slot is bound to a server, or to nobody. */
export function withPin(pins: readonly Pin[], slot: number, server: string | undefined): Pin[] {
  const others = pins.filter(([pinned]) => pinned !== slot);
  return server === undefined ? others : [...others, [slot, server]];
}
