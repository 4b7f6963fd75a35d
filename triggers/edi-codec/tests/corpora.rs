//! scratch
use std::path::Path;
#[test]
fn dump() {
    let root = Path::new("/work/shared/corpora/edi");
    let mut files: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .flat_map(|d| std::fs::read_dir(d.unwrap().path()).unwrap())
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    for f in files {
        if f.file_name().unwrap().to_string_lossy().starts_with('_') {
            continue;
        }
        let bytes = std::fs::read(&f).unwrap();
        let mut raw = Vec::new();
        for s in factotum_edi_codec::segments(&bytes) {
            match s {
                Ok(s) => raw.extend_from_slice(s.raw()),
                Err(_) => break,
            }
        }
        let (all, error) = factotum_edi_codec::read_all(&bytes);
        let n: usize = all.iter().map(|i| i.all_findings().count()).sum();
        let short = f
            .strip_prefix(root)
            .unwrap()
            .display()
            .to_string()
            .replace("src__test__resources__", "")
            .replace("src__tests__resources__", "");
        println!(
            "{} {} isas={} sets={} findings={n} {}",
            if raw == bytes { "==" } else { "!!" },
            short,
            all.len(),
            all.iter().map(|i| i.sets().count()).sum::<usize>(),
            error.map(|e| e.to_string()).unwrap_or_default()
        );
        for i in &all {
            for f in i.all_findings().take(6) {
                println!("      {f}");
            }
        }
    }
}
