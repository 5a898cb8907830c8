//! The stand-in for Phonet: the WSS connector with click2call, and the REST calls the extension uses.

pub(crate) mod call;
pub(crate) mod connector;
pub(crate) mod exchange;
pub(crate) mod recording;
pub(crate) mod rest;
