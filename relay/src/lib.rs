//! The relay: what Kontur.CRM asks of an integration's server, handed to the agents' browsers.
