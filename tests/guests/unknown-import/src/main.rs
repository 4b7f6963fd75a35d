//! Refused guest `unknown-import`, a command: imports an interface that no host knows, so that its upload is refused
//! with the interface's name.

#![expect(missing_docs, clippy::pedantic, reason = "wit-bindgen's code")]

wit_bindgen::generate!({
    inline: "
        package nobody:knows@1.0.0;

        interface oracle {
            ask: func(question: string) -> string;
        }

        world seeker {
            import oracle;
        }
    ",
});

fn main() {
    std::process::exit(i32::from(nobody::knows::oracle::ask("why?").is_empty()));
}
