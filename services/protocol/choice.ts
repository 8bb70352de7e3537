/** A user's own choice of presence (`users.setPresence`), with its version: copies of it are everywhere, the newest one counts. */

export interface Choice {
  /** true: away, whoever is connected; false: as the user's sessions are */
  readonly away: boolean;
  /** when it was made, ms since the Unix epoch; more than that of every earlier choice of the user. 0: before choices had versions, or never */
  readonly at: number;
}

/** Of a user who never chose; every other choice is newer. */
export const noChoice: Choice = { away: false, at: 0 };

/** Whether `choice` takes the place of `known`. Between two of one version it is "away", so that all come to the same. */
export function isNewer(choice: Choice, known: Choice): boolean {
  return choice.at > known.at || (choice.at === known.at && choice.away && !known.away);
}
