import "../complaints.js";
import * as ReactDOM from "react-dom/client";

import { concurrent } from "../roots.js";
import { start } from "../start.jsx";

// React UI knows no React 19 yet.
start(concurrent(ReactDOM));
