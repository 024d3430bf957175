//! The files of folders: listed, looked at, decoded by several threads.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use super::{
    super::{
        Alpha, BadFiles, ImageReading, Images, Labelled, counted,
        decode::{self, Header},
        reading::room,
    },
    PictureFile, ReadPicture,
};
use crate::{
    data::sha256,
    error::{Error, Result},
};

/// Names of files that should be pictures; what they are, their contents say.
const EXTENSIONS: [&str; 17] = [
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "gif", "webp", "bmp", "tif", "tiff", "heic", "heif", "avif", "jxl",
    "jp2", "ico",
];

/// What systems leave behind in folders, besides hidden files.
const JUNK: [&str; 4] = ["thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"];

/// Folders that are parts of a data set and no classes.
const PARTS: [&str; 9] = ["train", "training", "test", "testing", "val", "valid", "validation", "dev", "holdout"];

/// The largest file that is read.
const LARGEST: u64 = 1 << 30;

/// How many bad files an error names.
const NAMED: usize = 20;

/// A file that should be a picture.
struct Candidate {
    /// Where it is, below the folder that was named.
    name: String,
    path: PathBuf,
    class: usize,
}

/// What the first look at a file says.
struct Look {
    header: Header,
    sha256: String,
}

/// What a walk through a folder finds.
#[derive(Default)]
struct Walk {
    pictures: Vec<(String, PathBuf)>,
    others: Vec<String>,
    nested: Vec<String>,
}

pub(super) fn read(
    directory: &Path,
    reading: &ImageReading,
    notes: &mut Vec<String>,
) -> Result<(Vec<String>, Labelled, String)> {
    let data = |reason: String| Error::Data { place: directory.display().to_string(), reason };
    let (mut classes, mut candidates) = (Vec::new(), Vec::new());
    let (mut others, mut nested, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for (name, path, is_folder) in listing(directory)? {
        if !is_folder {
            if is_candidate(&path) {
                beside.push(name)
            } else {
                others.push(name)
            }
            continue;
        }
        let mut walk = Walk::default();
        walk.folder(&path, &name, &mut vec![directory.to_path_buf()], false)?;
        candidates.extend(walk.pictures.into_iter().map(|(name, path)| Candidate { name, path, class: classes.len() }));
        others.extend(walk.others);
        nested.extend(walk.nested);
        classes.push(name);
    }
    if classes.is_empty() {
        let found = if beside.is_empty() { "no folders".to_string() } else { counted(beside.len(), "picture") };
        return Err(data(format!("{found} here: expected a folder of pictures for each class")));
    }
    let is_part = |name: &String| PARTS.contains(&name.to_lowercase().as_str());
    if classes.iter().all(is_part) && candidates.len() == nested.len() {
        let example = directory.join(&classes[0]);
        let folders = classes.join("`, `");
        return Err(data(format!(
            "`{folders}` are parts, not classes: choose one, such as images:{}",
            example.display()
        )));
    }
    if !nested.is_empty() {
        let pictures = counted(nested.len(), "picture");
        notes.push(format!(
            "{pictures} in folders inside of a class's folder count to the class: {}",
            some(&nested, 3, ", ")
        ));
    }
    if !beside.is_empty() {
        let pictures = counted(beside.len(), "picture");
        notes.push(format!("{pictures} beside the folders of the classes left out: {}", some(&beside, 5, ", ")));
    }
    if !others.is_empty() {
        let files = counted(others.len(), "file");
        notes.push(format!("{files} left out, neither PNG nor JPEG by name and contents: {}", some(&others, 5, ", ")));
    }
    for (class, name) in classes.iter().enumerate() {
        if !candidates.iter().any(|candidate| candidate.class == class) {
            return Err(data(format!("no pictures in the folder `{name}`, which makes it no class")));
        }
    }
    let (labelled, sha256) = labelled(directory, candidates, reading, notes)?;
    for (class, name) in classes.iter().enumerate() {
        if !labelled.labels.contains(&class) {
            return Err(data(format!("no picture in the folder `{name}` can be read")));
        }
    }
    Ok((classes, labelled, sha256))
}

/// The pictures of these files, in one shape.
fn labelled(
    directory: &Path,
    candidates: Vec<Candidate>,
    reading: &ImageReading,
    notes: &mut Vec<String>,
) -> Result<(Labelled, String)> {
    let looks: Vec<Result<Look, String>> = candidates.par_iter().map(|candidate| look(&candidate.path)).collect();
    let mut faults: BTreeMap<usize, String> = BTreeMap::new();
    let mut good = Vec::new();
    for (i, look) in looks.into_iter().enumerate() {
        match look {
            Ok(look) => good.push((i, look)),
            Err(fault) => drop(faults.insert(i, fault)),
        }
    }
    let size = reading.size.or_else(|| most_frequent(good.iter().map(|(_, look)| look.header.size)));
    let channels = reading.channels(good.iter().all(|(_, look)| look.header.grey));
    let shape = size.map_or([channels, 1, 1], |[height, width]| [channels, height, width]);
    let reading = reading.fixed(shape);
    // What cannot be decoded after all is found before anybody trains, whatever happens to it.
    let pixels = shape.iter().product();
    let mut values = room(good.len(), shape)?;
    values.resize(good.len() * pixels, 0.0);
    let decoded: Vec<Result<(), String>> = values
        .par_chunks_mut(pixels)
        .zip(&good)
        .map(|(values, (i, _))| {
            let bytes = fs::read(&candidates[*i].path).map_err(|error| error.to_string())?;
            values.copy_from_slice(&decode::decode(&bytes, &reading)?.1);
            Ok(())
        })
        .collect();
    let mut kept = Vec::new();
    for (place, ((i, look), decoded)) in good.into_iter().zip(decoded).enumerate() {
        match decoded {
            Err(fault) => drop(faults.insert(i, fault)),
            Ok(()) => {
                values.copy_within(place * pixels..(place + 1) * pixels, kept.len() * pixels);
                kept.push((&candidates[i], look));
            }
        }
    }
    values.truncate(kept.len() * pixels);
    if !faults.is_empty() {
        let named: Vec<String> = faults.iter().map(|(i, fault)| format!("{}: {fault}", candidates[*i].name)).collect();
        let (files, named) = (counted(named.len(), "file"), some(&named, NAMED, "; "));
        if reading.bad_files == BadFiles::Error || kept.is_empty() {
            let place = directory.display().to_string();
            let reason = format!(
                "{files} of {} cannot be read (bad_files = skip leaves such files out): {named}",
                candidates.len()
            );
            return Err(Error::Data { place, reason });
        }
        notes.push(format!("{files} of {} cannot be read and are left out: {named}", candidates.len()));
    }
    notes.extend(remarks(&kept, shape, &reading));
    let lines: String = kept.iter().map(|(file, look)| format!("{}  {}\n", look.sha256, file.name)).collect();
    let labels = kept.iter().map(|(candidate, _)| candidate.class).collect();
    let names = kept.iter().map(|(candidate, _)| candidate.name.clone()).collect();
    Ok((Labelled { images: Images::new(shape, values)?, labels, names }, sha256(lines.as_bytes())))
}

/// What was done to make pictures alike.
fn remarks(kept: &[(&Candidate, Look)], shape: [usize; 3], reading: &ImageReading) -> Vec<String> {
    let mut names: BTreeMap<(usize, String), Vec<String>> = BTreeMap::new();
    for (file, look) in kept {
        for change in changes(&look.header, shape, reading) {
            names.entry(change).or_default().push(file.name.clone());
        }
    }
    let all_grey = kept.iter().all(|(_, look)| look.header.grey);
    names.retain(|(kind, _), _| *kind != GREY || !all_grey);
    let of = counted(kept.len(), "picture");
    names.iter().map(|((_, what), names)| format!("{} of {of} {what}: {}", names.len(), some(names, 3, ", "))).collect()
}

/// Of [`changes`]: from grey to colour.
const GREY: usize = 1;

/// What is done to make a picture one of this shape: in which order it is told, and what.
fn changes(header: &Header, shape: [usize; 3], reading: &ImageReading) -> Vec<(usize, String)> {
    let [channels, height, width] = shape;
    let ground = match reading.alpha {
        Alpha::Black => "laid on black",
        Alpha::White => "laid on white",
        Alpha::Drop => "read without it",
    };
    let scaled = format!("scaled to {height} x {width} (height x width), proportions kept, black beside them");
    let told = [
        (header.size != [height, width], scaled),
        (channels == 3 && header.grey, "stored as grey, read as red, green and blue like the others".to_string()),
        (channels == 1 && !header.grey, "stored in colour, read as grey".to_string()),
        (header.alpha, format!("with transparency, {ground}")),
        (header.turned, "turned upright, as their EXIF orientation says".to_string()),
    ];
    told.into_iter().enumerate().filter(|(_, (is, _))| *is).map(|(kind, (_, what))| (kind, what)).collect()
}

pub(super) fn find_pictures(path: &Path) -> Result<Vec<PictureFile>> {
    if !fs::metadata(path).map_err(Error::io(path))?.is_dir() {
        return Ok(vec![PictureFile { name: path.display().to_string(), path: path.to_path_buf() }]);
    }
    let mut walk = Walk::default();
    walk.folder(path, "", &mut Vec::new(), false)?;
    match walk.pictures.is_empty() {
        true => Err(Error::Data { place: path.display().to_string(), reason: "no pictures here".to_string() }),
        false => Ok(walk.pictures.into_iter().map(|(name, path)| PictureFile { name, path }).collect()),
    }
}

pub(super) fn read_pictures(files: &[PictureFile], reading: &ImageReading) -> Vec<ReadPicture> {
    let picture = |file: &PictureFile| {
        let bytes = whole(&file.path)?;
        let (shape, values) = decode::decode(&bytes, reading)?;
        let changes = changes(&decode::header(&bytes)?, shape, reading).into_iter().map(|(_, what)| what).collect();
        Ok((Images::new(shape, values).map_err(|error| error.to_string())?, changes))
    };
    files.par_iter().map(picture).collect()
}

impl Walk {
    /// What is in a folder and the folders in it; `above` are the folders that it is in: a link to one of them is not followed.
    fn folder(&mut self, folder: &Path, name: &str, above: &mut Vec<PathBuf>, is_nested: bool) -> Result<()> {
        let real = fs::canonicalize(folder).map_err(Error::io(folder))?;
        if above.contains(&real) {
            return Ok(());
        }
        above.push(real);
        for (file, path, is_folder) in listing(folder)? {
            let name = if name.is_empty() { file } else { format!("{name}/{file}") };
            match is_folder {
                true => self.folder(&path, &name, above, true)?,
                false if is_candidate(&path) => {
                    if is_nested {
                        self.nested.push(name.clone());
                    }
                    self.pictures.push((name, path));
                }
                false => self.others.push(name),
            }
        }
        above.pop();
        Ok(())
    }
}

/// The names in a folder, in order, where they are, and which are folders; without what is hidden and what systems leave behind.
fn listing(folder: &Path) -> Result<Vec<(String, PathBuf, bool)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !JUNK.contains(&name.to_lowercase().as_str()) {
            let path = entry.path();
            let is_folder = path.is_dir(); // of a link: what it leads to
            found.push((name, path, is_folder));
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file is called a picture, or is one.
fn is_candidate(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
        || path.is_file() && beginning(path).is_ok_and(|start| decode::is_picture(&start))
}

fn beginning(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(512).read_to_end(&mut start)?;
    Ok(start)
}

/// All of a file that begins as a picture.
fn whole(path: &Path) -> Result<Vec<u8>, String> {
    let io = |error: std::io::Error| error.to_string();
    let metadata = fs::metadata(path).map_err(io)?;
    if !metadata.is_file() {
        return Err("not a regular file".to_string());
    }
    match decode::fault(&beginning(path).map_err(io)?) {
        Some(fault) => Err(fault),
        None if metadata.len() > LARGEST => Err(format!("more than {} MiB", LARGEST >> 20)),
        None => fs::read(path).map_err(io),
    }
}

fn look(path: &Path) -> Result<Look, String> {
    let bytes = whole(path)?;
    Ok(Look { header: decode::header(&bytes)?, sha256: sha256(&bytes) })
}

/// The most frequent size; of two that are, the one with more pixels.
fn most_frequent(sizes: impl Iterator<Item = [usize; 2]>) -> Option<[usize; 2]> {
    let mut counts: BTreeMap<[usize; 2], usize> = BTreeMap::new();
    sizes.for_each(|size| *counts.entry(size).or_default() += 1);
    counts.into_iter().max_by_key(|&(size, count)| (count, size[0] * size[1], size)).map(|(size, _)| size)
}

/// The first `most` of a list, and how many more there are.
fn some(items: &[String], most: usize, separator: &str) -> String {
    let shown = items[..items.len().min(most)].join(separator);
    if items.len() > most { format!("{shown}{separator}and {} more", items.len() - most) } else { shown }
}
