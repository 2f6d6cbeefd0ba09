// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use ttrpc::asynchronous::Client;
use ttrpc::context::{self, Context};
use ttrpc::{Code, Error};

use crate::generated::fixture_ttrpc::SClient;
use crate::payload;

type Outcome = Result<(), String>;

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, got: T, wanted: T) -> Outcome {
    if got == wanted { Ok(()) } else { Err(format!("{what}: got {got:?}, want {wanted:?}")) }
}

fn expect_status<T>(what: &str, got: Result<T, Error>, code: Code, text: &str) -> Outcome {
    match got {
        Err(Error::RpcStatus(status)) if status.code() == code && status.message.starts_with(text) => Ok(()),
        Err(other) => Err(format!("{what}: got {other:?}, want {code:?} {text}")),
        Ok(_) => Err(format!("{what}: succeeded, want {code:?}")),
    }
}

fn text(failure: Error) -> String { format!("{failure:?}") }

fn limit() -> Context { context::with_duration(Duration::from_secs(20)) }

async fn unary(stub: &SClient) -> Outcome {
    let answer = stub.echo(limit(), &payload(1, "hi")).await.map_err(text)?;
    expect("echo", (answer.seq, answer.msg.as_str()), (2, "hi"))
}

async fn errors(stub: &SClient) -> Outcome {
    expect_status("class", stub.fail(limit(), &payload(0, "not found")).await, Code::NOT_FOUND, "container x: not found")?;
    expect_status("thrown", stub.fail(limit(), &payload(0, "throw")).await, Code::INTERNAL, "thrown")?;
    unary(stub).await
}

async fn deadline(stub: &SClient) -> Outcome {
    let short = context::with_duration(Duration::from_millis(50));
    if stub.sleep(short, &payload(5000, "")).await.is_ok() {
        return Err("a call of 5 s took 50 ms".to_string());
    }
    unary(stub).await
}

async fn metadata(stub: &SClient) -> Outcome {
    let mut context = limit();
    context.set("Foo".to_string(), vec!["1".to_string(), "2".to_string()]);
    let answer = stub.metadata(context, &payload(0, "foo")).await.map_err(text)?;
    expect("metadata", (answer.seq, answer.msg.as_str()), (1, "1,2"))
}

async fn bidi(stub: &SClient) -> Outcome {
    let mut stream = stub.bidi(Context::default()).await.map_err(text)?;
    for seq in 0..200 {
        stream.send(&payload(seq, "x")).await.map_err(text)?;
        expect("bidi", stream.recv().await.map_err(text)?.seq, seq + 1)?;
    }
    stream.close_send().await.map_err(text)?;
    expect("end", matches!(stream.recv().await, Err(Error::Eof)), true)
}

async fn client_streams(stub: &SClient) -> Outcome {
    let mut stream = stub.sum(Context::default()).await.map_err(text)?;
    for seq in 1..=1000 {
        stream.send(&payload(seq, "")).await.map_err(text)?;
    }
    let total = stream.close_and_recv().await.map_err(text)?;
    expect("sum", (total.seq, total.msg.as_str()), (500500, "1000"))?;
    // Its reader waits a millisecond for each.
    let mut slow = stub.slow(Context::default()).await.map_err(text)?;
    for _ in 0..3000 {
        slow.send(&payload(1, "")).await.map_err(text)?;
    }
    expect("slow", slow.close_and_recv().await.map_err(text)?.seq, 3000)
}

async fn server_streams(stub: &SClient) -> Outcome {
    for ending in ["", "abort"] {
        let mut stream = stub.gen(Context::default(), &payload(50, ending)).await.map_err(text)?;
        for seq in 0..50 {
            expect("gen", stream.recv().await.map_err(text)?.map(|message| message.seq), Some(seq))?;
        }
        let last = stream.recv().await;
        if ending.is_empty() {
            expect("gen's end", last.map_err(text)?.is_none(), true)?;
        } else {
            expect_status("gen's failure", last, Code::ABORTED, "gen: aborted")?;
        }
    }
    Ok(())
}

async fn large(stub: &SClient) -> Outcome {
    let size = (4 << 20) - 10;
    expect("big", stub.big(limit(), &payload(size, "")).await.map_err(text)?.msg.len(), size as usize)?;
    expect_status("too big", stub.big(limit(), &payload(5 << 20, "")).await, Code::RESOURCE_EXHAUSTED, "message length")?;
    unary(stub).await
}

// Several threads: ids reach the wire out of order now and then.
async fn concurrent(stub: &SClient) -> Outcome {
    let workers: Vec<_> = (0..64)
        .map(|_| {
            let stub = stub.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    unary(&stub).await?;
                }
                Ok::<(), String>(())
            })
        })
        .collect();
    for worker in workers {
        worker.await.map_err(|e| e.to_string())??;
    }
    Ok(())
}

macro_rules! check {
    ($stub:ident, $($name:ident),*) => {$(
        $name(&$stub).await.map_err(|why| format!("{}: {why}", stringify!($name)))?;
        println!("ok: {}", stringify!($name));
    )*};
}

fn connect(path: &str) -> Result<SClient, String> {
    Ok(SClient::new(Client::connect(&format!("unix://{path}")).map_err(text)?))
}

pub async fn run(path: &str) -> Outcome {
    let stub = connect(path)?;
    check!(stub, unary, errors, deadline, metadata, bidi, client_streams, server_streams, large);
    Ok(())
}

pub async fn run_threads(path: &str) -> Outcome {
    let stub = connect(path)?;
    check!(stub, concurrent);
    Ok(())
}
