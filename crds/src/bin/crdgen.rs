//! Prints the CRD as YAML on standard output.

use std::{io::Write, process::ExitCode};

use kube::CustomResourceExt;

fn main() -> ExitCode {
    let written = serde_yaml::to_string(&crds::CryptoPipeline::crd())
        .map_err(|error| error.to_string())
        .and_then(|yaml| {
            std::io::stdout()
                .write_all(yaml.as_bytes())
                .map_err(|error| error.to_string())
        });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crdgen: {error}");
            ExitCode::FAILURE
        }
    }
}
