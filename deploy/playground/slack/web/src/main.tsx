import { createRoot } from "react-dom/client";
import "slack-blocks-to-jsx/dist/style.css";
import "./style.css";
import "./messages.css";
import "./composer.css";
import "./blocks.css";
import "./forms.css";
import "./scene.css";
import { App } from "./App";

createRoot(document.getElementById("root")!).render(<App />);
