//! Builds the shim against the headers of the Kea that is installed (Debian: `kea-dev`, `libboost-dev`).

fn main() {
    println!("cargo:rerun-if-changed=src/shim.cc");
    println!("cargo:rerun-if-changed=src/shim.h");
    let include = std::env::var("KEA_INCLUDE").unwrap_or_else(|_| "/usr/include/kea".to_owned());
    println!("cargo:rerun-if-env-changed=KEA_INCLUDE");
    cc::Build::new()
        .cpp(true)
        .std("c++14")
        .file("src/shim.cc")
        .flag("-isystem")
        .flag(&include)
        .warnings(true)
        .compile("transload_shim");
    for library in [
        "kea-hooks",
        "kea-dhcpsrv",
        "kea-dhcp++",
        "kea-process",
        "kea-cc",
        "kea-asiolink",
        "kea-log",
        "kea-exceptions",
    ] {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
}
