//! Files that are generated from the API types are as the programs write them today.

use std::{path::Path, process::Command};

#[rstest::rstest]
#[case(env!("CARGO_BIN_EXE_crdgen"), "helm/cryptopipeline/files/crd.yaml")]
#[case(env!("CARGO_BIN_EXE_crddoc"), "docs/crd-reference.md")]
fn generated_files_are_fresh(#[case] program: &str, #[case] file: &str) {
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let committed = std::fs::read(path).unwrap_or_default();
    assert!(committed == output.stdout, "{file} is stale: run `make crds`");
}

#[test]
fn the_table_of_reasons_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = std::fs::read_to_string(path).unwrap();
    let fresh = page.contains(&format!("\n\n{}\n<!-- end of what", crds::reason::write_table()));
    assert!(fresh, "docs/operations.md is stale: run `make crds`");
}
