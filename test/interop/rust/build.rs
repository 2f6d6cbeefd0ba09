// SPDX-License-Identifier: Apache-2.0
use ttrpc_codegen::{Codegen, Customize};

fn main() {
    let protos = "../../ttrpc/proto";
    println!("cargo:rerun-if-changed={protos}/fixture.proto");
    Codegen::new()
        .inputs([format!("{protos}/fixture.proto")])
        .include(protos)
        .rust_protobuf()
        .customize(Customize { async_all: true, gen_mod: true, ..Default::default() })
        .run()
        .expect("code generation");
}
