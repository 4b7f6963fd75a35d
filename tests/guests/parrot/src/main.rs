//! Test guest `parrot`, a command: writes what it reads.

fn main() -> std::io::Result<()> {
    std::io::copy(&mut std::io::stdin(), &mut std::io::stdout()).map(drop)
}
