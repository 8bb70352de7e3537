import { render } from "preact";

render(<h1>Ringway</h1>, document.getElementById("app")!);
