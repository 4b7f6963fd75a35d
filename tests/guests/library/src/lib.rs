//! Refused guest `library`: a component that exports a function of its own and neither handles events nor is a command,
//! so that its upload is refused as of no known world.

#![expect(
    unsafe_code,
    missing_docs,
    clippy::pedantic,
    reason = "wit-bindgen's code: the canonical ABI is raw memory"
)]

wit_bindgen::generate!({
    inline: "
        package guests:library@1.0.0;

        world greeter {
            export greet: func(name: string) -> string;
        }
    ",
});

struct Library;

impl Guest for Library {
    fn greet(name: String) -> String {
        format!("hello, {name}")
    }
}

export!(Library);
