//! The binary `trailbook`: the server and the commands around it.
//!
//! Each command is a module; what it ends with is in `exit`, what it prints goes through `output`.

mod check;
mod client;
mod demo;
mod exit;
mod export;
mod files;
mod init;
mod log;
mod output;
mod query;
mod send;
mod serve;
mod settings;
mod token;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Keeps audit events, and finds them again.
///
/// Settings come from flags, from TRAILBOOK_… variables, and from a TOML file, in this order.
///
/// Exit codes: 0 done, 1 part of it was refused, or what was named is not there, or damage was found, or nothing is
/// proven, 2 wrong usage or configuration, 3 the server, the network or a disk failed.
#[derive(Parser)]
#[command(name = "trailbook", version, verbatim_doc_comment)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(Box<serve::Arguments>),
    Init(init::Arguments),
    Demo(demo::Arguments),
    Send(send::Arguments),
    Query(query::Arguments),
    Export(export::Arguments),
    Verify(verify::Arguments),
    Token(token::Arguments),
    Log(log::Arguments),
    Check(check::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One TLS for all: without a default, a client or server that speaks TLS could not choose.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::Error::Failed(format!("starting the runtime: {error}")).report(),
    };
    let result = runtime.block_on(async {
        match arguments.command {
            Command::Serve(arguments) => serve::run(*arguments).await,
            Command::Init(arguments) => init::run(arguments).await,
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Send(arguments) => send::run(arguments).await,
            Command::Query(arguments) => query::run(arguments).await,
            Command::Export(arguments) => export::run(arguments).await,
            Command::Verify(arguments) => verify::run(arguments).await,
            Command::Log(arguments) => log::run(arguments).await,
            Command::Token(arguments) => token::run(arguments).await,
            Command::Check(arguments) => check::run(arguments).await,
        }
    });
    match result {
        Ok(exit) => exit.code(),
        Err(error) => error.report(),
    }
}
