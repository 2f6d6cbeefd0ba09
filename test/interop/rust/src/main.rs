// SPDX-License-Identifier: Apache-2.0
//! A peer that speaks ttrpc with the Rust implementation, async: `interop client PATH` checks a server of t.S,
//! `interop server PATH` is one until its standard input ends, `interop call PATH COUNT DEPTH` makes calls of Echo for
//! test/bench.

mod calls;
mod checks;
mod service;

mod generated {
    include!(concat!(env!("OUT_DIR"), "/mod.rs"));
}

use std::future::Future;

use generated::fixture::EchoPayload;
use tokio::runtime::Builder;

fn payload(seq: i64, msg: &str) -> EchoPayload {
    EchoPayload { seq, msg: msg.to_string(), ..Default::default() }
}

fn on(mut runtime: Builder, work: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    runtime.enable_all().build().map_err(|e| e.to_string())?.block_on(work)
}

// The library hands each frame to a task of its own, so that only one thread keeps the order of a stream's messages. With
// several, stream ids reach the wire swapped now and then.
fn main() {
    let words: Vec<String> = std::env::args().collect();
    let outcome = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "client", path] => on(Builder::new_current_thread(), checks::run(path))
            .and_then(|_| on(Builder::new_multi_thread(), checks::run_threads(path))),
        [_, "server", path] => on(Builder::new_current_thread(), service::run(path)),
        [_, "call", path, count, depth] => on(Builder::new_current_thread(), calls::run(path, count, depth)),
        _ => Err("usage: interop client|server PATH, interop call PATH COUNT DEPTH".to_string()),
    };
    if let Err(why) = outcome {
        eprintln!("interop: {why}");
        std::process::exit(1);
    }
}
