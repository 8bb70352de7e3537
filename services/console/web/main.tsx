import { render } from "preact";

render(<h1>Ringway console</h1>, document.getElementById("app")!);
