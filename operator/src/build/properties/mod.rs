//! Configuration files, one renderer each. Pure.

pub mod cassandra_yaml;
pub mod core_site;
pub mod hdfs_site;
pub mod server_properties;
pub mod zoo_cfg;

use std::fmt::Write as _;

/// Hadoop's XML of properties.
fn hadoop_xml<Name: AsRef<str>>(properties: &[(Name, String)]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\"?>\n<configuration>\n");
    for (name, value) in properties {
        // Writing to a String cannot fail.
        let _ = writeln!(
            xml,
            "  <property><name>{}</name><value>{}</value></property>",
            escape(name.as_ref()),
            escape(value)
        );
    }
    xml.push_str("</configuration>\n");
    xml
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
