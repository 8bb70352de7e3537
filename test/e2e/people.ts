/** The development users (services/webapp/dev.ts): those of `npm start`. */
export const people = {
  ada: { token: "xoxp-dev-ada", user: "U0ADA" },
  grace: { token: "xoxp-dev-grace", user: "U0GRACE" },
  linus: { token: "xoxp-dev-linus", user: "U0LINUS" },
  margaret: { token: "xoxp-dev-margaret", user: "U0MARGARET" },
  robot: { token: "xoxb-dev-robot", user: "U0ROBOT" },
} as const;

export type Person = (typeof people)[keyof typeof people];
export const everybody: readonly Person[] = Object.values(people);
