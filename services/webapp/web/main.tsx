/** The chat page: who one is, and then the chat. */
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Chat } from "./chat.ts";
import { explain } from "./complaints.ts";
import { Room } from "./room.tsx";
import { SignIn } from "./sign-in.tsx";
import "./style.css";
import { forgetToken, keptToken, keepToken, whoIs } from "./token.ts";

function App() {
  const [chat, setChat] = useState<Chat>();
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(keptToken() !== undefined);

  const enter = async (token: string): Promise<void> => {
    setBusy(true);
    setWrong("");
    try {
      const self = await whoIs(token);
      keepToken(token);
      setChat(new Chat(location.origin, token, self));
    } catch (error) {
      setWrong(explain(error));
    }
    setBusy(false);
  };
  const leave = (why = ""): void => {
    forgetToken();
    chat?.close();
    setChat(undefined);
    setWrong(why);
  };

  useEffect(() => {
    const token = keptToken();
    if (token !== undefined) void enter(token);
  }, []);
  useEffect(() => {
    const back = (): void => chat?.client.retry();
    addEventListener("online", back);
    return () => removeEventListener("online", back);
  }, [chat]);
  useEffect(() => {
    const gone = (): void => chat?.leaving();
    for (const name of ["visibilitychange", "pagehide"]) addEventListener(name, gone);
    return () => ["visibilitychange", "pagehide"].forEach((name) => removeEventListener(name, gone));
  }, [chat]);

  return chat === undefined ? <SignIn busy={busy} wrong={wrong} enter={enter} /> : <Room chat={chat} leave={leave} />;
}

render(<App />, document.getElementById("app")!);
