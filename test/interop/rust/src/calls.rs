// SPDX-License-Identifier: Apache-2.0
use ttrpc::asynchronous::Client;
use ttrpc::context;

use crate::generated::fixture_ttrpc::SClient;
use crate::payload;

async fn call_often(stub: SClient, count: usize) -> Result<(), String> {
    for _ in 0..count {
        let answer = stub.echo(context::Context::default(), &payload(1, "a container's id or so")).await.map_err(|e| e.to_string())?;
        if answer.seq != 2 {
            return Err(format!("answer {}", answer.seq));
        }
    }
    Ok(())
}

/// So many calls of Echo, so many at a time.
pub async fn run(path: &str, count: &str, depth: &str) -> Result<(), String> {
    let number = |word: &str| word.parse::<usize>().map_err(|e| e.to_string());
    let (count, depth) = (number(count)?, number(depth)?);
    let client = Client::connect(&format!("unix://{path}")).map_err(|e| e.to_string())?;
    let stub = SClient::new(client);
    let callers: Vec<_> = (0..depth).map(|_| tokio::spawn(call_often(stub.clone(), count / depth))).collect();
    for caller in callers {
        caller.await.map_err(|e| e.to_string())??;
    }
    Ok(())
}
