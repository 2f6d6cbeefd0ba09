// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::AsyncReadExt;
use ttrpc::asynchronous::{Server, ServerStream, ServerStreamReceiver, ServerStreamSender, TtrpcContext};
use ttrpc::{get_status, Code, Error, Result};

use crate::generated::fixture::EchoPayload;
use crate::generated::fixture_ttrpc::{create_s, S};
use crate::payload;

struct Service;

async fn sum(input: &mut ServerStreamReceiver<EchoPayload>) -> Result<EchoPayload> {
    let (mut total, mut count) = (0, 0);
    while let Some(message) = input.recv().await? {
        total += message.seq;
        count += 1;
    }
    Ok(payload(total, &count.to_string()))
}

#[async_trait]
impl S for Service {
    async fn echo(&self, _: &TtrpcContext, mut request: EchoPayload) -> Result<EchoPayload> {
        request.seq += 1;
        Ok(request)
    }

    async fn sleep(&self, _: &TtrpcContext, request: EchoPayload) -> Result<EchoPayload> {
        tokio::time::sleep(Duration::from_millis(request.seq as u64)).await;
        Ok(request)
    }

    async fn big(&self, _: &TtrpcContext, request: EchoPayload) -> Result<EchoPayload> {
        Ok(payload(0, &"a".repeat(request.seq as usize)))
    }

    async fn fail(&self, _: &TtrpcContext, _: EchoPayload) -> Result<EchoPayload> {
        Err(Error::RpcStatus(get_status(Code::NOT_FOUND, "container x: not found")))
    }

    async fn metadata(&self, context: &TtrpcContext, request: EchoPayload) -> Result<EchoPayload> {
        let values = context.metadata.get(&request.msg).cloned().unwrap_or_default();
        Ok(payload((context.timeout_nano != 0) as i64, &values.join(",")))
    }

    async fn bidi(&self, _: &TtrpcContext, mut stream: ServerStream<EchoPayload, EchoPayload>) -> Result<()> {
        while let Some(mut message) = stream.recv().await? {
            message.seq += 1;
            stream.send(&message).await?;
        }
        Ok(())
    }

    async fn sum(&self, _: &TtrpcContext, mut input: ServerStreamReceiver<EchoPayload>) -> Result<EchoPayload> {
        sum(&mut input).await
    }

    async fn gen(&self, _: &TtrpcContext, request: EchoPayload, output: ServerStreamSender<EchoPayload>) -> Result<()> {
        for seq in 0..request.seq {
            output.send(&payload(seq, "")).await?;
        }
        match request.msg.as_str() {
            "abort" => Err(Error::RpcStatus(get_status(Code::ABORTED, "gen: aborted"))),
            _ => Ok(()),
        }
    }
}

pub async fn run(path: &str) -> std::result::Result<(), String> {
    let services = create_s(Arc::new(Service));
    let mut server = Server::new().bind(&format!("unix://{path}")).map_err(|e| e.to_string())?.register_service(services);
    server.start().await.map_err(|e| e.to_string())?;
    println!("ready");
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await.map_err(|e| e.to_string())?;
    server.shutdown().await.map_err(|e| e.to_string())
}
