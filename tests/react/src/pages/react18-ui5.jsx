import "../complaints.js";
import * as ReactDOM from "react-dom/client";
import { Button, Gapped, Input, Link, Modal, SidePage, Tabs, Token } from "react-ui5";

import { concurrent } from "../roots.js";
import { start } from "../start.jsx";

start({ ...concurrent(ReactDOM), ui: { Button, Gapped, Input, Link, Modal, SidePage, Tabs, Token } });
