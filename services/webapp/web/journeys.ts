import type { Journey } from "@ringway/client";

/** As many as are remembered: a page that stays open for weeks must not grow. */
const most = 5_000;

/** How messages travelled, by channel and offset; the latest ones. */
export class Journeys {
  readonly #byPlace = new Map<string, Journey>();

  add(journey: Journey): void {
    this.#byPlace.set(`${journey.channel}:${journey.x_off}`, journey);
    if (this.#byPlace.size > most) this.#byPlace.delete(this.#byPlace.keys().next().value!);
  }

  of(channel: string, offset: number | undefined): Journey | undefined {
    return this.#byPlace.get(`${channel}:${offset}`);
  }
}
