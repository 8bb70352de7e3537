/** Reading a configuration field by field, so that whatever is wrong is named by its path: `rules[2].key.header: …`. */
import { JsonReader } from "./json";

/** Reads the field `name` (whose whole path is `field`) into `into`; false if it refused it. */
type FieldReader<T> = (fields: Fields, into: T, name: string, field: string) => bool;

export class Fields {
  /** The first thing that was wrong, with its path; empty if nothing was. */
  error: string = "";
  private seen: Set<string> = new Set<string>();

  constructor(readonly json: JsonReader) {}

  /** Reads an object; each of its fields goes to `read`, and none may be there twice. @param path its own; empty for the whole */
  object<T>(path: string, into: T, read: FieldReader<T>): bool {
    const json = this.json;
    const name = path == "" ? "configuration" : path;
    if (!json.take(0x7b)) return this.refuse(name, "not a JSON object");
    if (json.take(0x7d)) return true;
    do {
      const key = json.text();
      if (key == null || !json.take(0x3a)) return this.refuse(name, "malformed JSON");
      const field = path == "" ? key : path + "." + key;
      if (this.seen.has(field)) return this.refuse(field, "given twice");
      this.seen.add(field);
      if (!read(this, into, key, field)) return false;
    } while (json.take(0x2c));
    return json.take(0x7d) || this.refuse(name, "malformed JSON");
  }

  /** Was there such a field? */
  has(field: string): bool {
    return this.seen.has(field);
  }

  require(field: string): bool {
    return this.has(field) || this.refuse(field, "missing");
  }

  /** Notes why, unless an earlier reason stands; always false. */
  refuse(field: string, complaint: string): bool {
    if (this.error == "") this.error = field + ": " + complaint;
    return false;
  }
}
