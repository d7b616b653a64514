//! Dialects: the APIs of other systems. Each turns a foreign request into a query and the answer into the foreign
//! shape.

pub(crate) mod port;
pub(crate) mod portal;
pub(crate) mod spectra;
pub(crate) mod wso2;
