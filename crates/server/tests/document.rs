//! x
use crate::harness::{Server, run};
#[test]
fn dump() { run(async { let s = Server::start().await; let a = s.get("", "/api/openapi.json").await; std::fs::write("/tmp/openapi.json", &a.body).unwrap(); std::fs::write("/tmp/metrics.txt", s.get("","/metrics").await.body).unwrap(); }); }
