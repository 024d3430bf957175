//! Pictures from files, folders and an unsteady hand: what is read, what is refused, and how pictures are changed.

mod image_files;

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn_zoo::{
    Key,
    data::image::{
        Augmentation, Color, ImageReading, ImageSource, Images, Normalisation, TestPart, digits, read_idx, rotated,
    },
};
use image_files::{gzip, idx};
use tempfile::TempDir;

fn at(directory: &TempDir, name: &str) -> PathBuf {
    directory.path().join(name)
}

/// The error without the folder that it speaks of.
fn refused<T>(result: burn_zoo::Result<T>, directory: &TempDir) -> String {
    let text = result.err().expect("an error").to_string();
    assert!(!text.contains('\n'), "{text}");
    text.replace(&format!("{}/", directory.path().display()), "")
        .replace(&directory.path().display().to_string(), "DIR")
}

// Pictures

#[test]
fn pictures_are_rows_of_one_shape() {
    let images = Images::new([2, 1, 2], (0..12).map(|i| i as f32).collect()).unwrap();
    assert_eq!((images.rows(), images.shape()), (3, [2, 1, 2]));
    assert_eq!(images.row(1), [4.0, 5.0, 6.0, 7.0]);
    assert_eq!(images.select(&[2, 0]).values(), [8.0, 9.0, 10.0, 11.0, 0.0, 1.0, 2.0, 3.0]);
    assert_eq!(images.select(&[]).rows(), 0);
}

#[test]
fn pictures_that_are_none_are_refused() {
    let error = |shape, values| Images::new(shape, values).unwrap_err().to_string();
    assert_eq!(error([1, 2, 2], vec![0.0; 7]), "pixels of 2 pictures: expected 8, found 7");
    assert_eq!(error([1, 0, 2], vec![]), "`shape` is [1, 0, 2]: expected channels, height and width of at least 1");
    assert_eq!(error([1, 1, 2], vec![0.0, 0.0, f32::NAN, 0.0]), "picture 1, value 0: `NaN` is not a finite number");
}

#[test]
fn a_source_is_written_as_it_is_read() {
    for name in ["mnist:data/mnist", "fashion-mnist:/data", "cifar10:c", "images:C:\\pictures", "digits"] {
        assert_eq!(name.parse::<ImageSource>().unwrap().to_string(), name);
    }
    let error = |name: &str| name.parse::<ImageSource>().unwrap_err().to_string();
    assert_eq!(error("fashion-mnits:d"), "unknown source of pictures `fashion-mnits`: did you mean `fashion-mnist`?");
    for name in ["mnist", "mnist:"] {
        assert_eq!(
            error(name),
            format!("`data` is {name}: expected `mnist:DIR`, with the folder that holds the files")
        );
    }
    assert_eq!(error("digits:d"), "`data` is digits:d: expected `digits` alone: nothing is read");
}

#[test]
fn a_reading_survives_being_written_and_unknown_names_are_refused() {
    let reading = ImageReading { size: Some([3, 4]), color: Color::Grey, ..ImageReading::default() };
    for reading in [reading, ImageReading::default()] {
        let text = toml::to_string(&reading).unwrap();
        assert!(text.contains("size = ["), "{text}"); // a name that a setting can be given by
        assert_eq!(toml::from_str::<ImageReading>(&text).unwrap(), reading);
    }
    let rest = "color = \"auto\"\nalpha = \"black\"\nbad_files = \"error\"\n";
    assert_eq!(toml::from_str::<ImageReading>(&format!("size = [32]\n{rest}")).unwrap().size, Some([32, 32]));
    assert!(toml::from_str::<ImageReading>(&format!("size = []\ncolour = 1\n{rest}")).is_err());
    let fixed = ImageReading::default().fixed([1, 5, 6]);
    assert_eq!((fixed.size, fixed.color), (Some([5, 6]), Color::Grey));
    let error = ImageReading { size: Some([0, 5]), ..fixed }.check().unwrap_err().to_string();
    assert_eq!(error, "`size` is [0, 5]: expected height and width of 1 to 4096");
}

// IDX

/// Five pictures of 6 rows and 4 columns, and their labels.
fn pair() -> (Vec<u8>, Vec<u8>) {
    let pixels: Vec<u8> = (0..120).map(|i| (37 * i + 11) as u8).collect();
    (idx(&[5, 6, 4], &pixels), idx(&[5], &[3, 0, 9, 1, 3]))
}

#[test]
fn idx_is_read_by_content_whatever_its_name_says() {
    let directory = TempDir::new().unwrap();
    let (images, labels) = pair();
    let (a, b) = (at(&directory, "a"), at(&directory, "b.gz"));
    for (images, labels) in [(images.clone(), gzip(&labels)), (gzip(&images), labels)] {
        fs::write(&a, images).unwrap();
        fs::write(&b, labels).unwrap();
        let (images, labels) = read_idx(&a, &b).unwrap();
        assert_eq!((images.rows(), images.shape()), (5, [1, 6, 4])); // never 4 x 6
        assert_eq!(images.row(0)[..2], [11.0 / 255.0, 48.0 / 255.0]);
        assert_eq!(labels, [3, 0, 9, 1, 3]);
    }
}

#[test]
fn idx_files_that_are_not_whole_say_what_is_missing() {
    let directory = TempDir::new().unwrap();
    let (images, labels) = pair();
    let (a, b) = (at(&directory, "a"), at(&directory, "b"));
    let little: Vec<u8> = images[..16].chunks(4).flat_map(|word| word.iter().rev()).copied().collect();
    let cut = |n: usize| images[..n].to_vec();
    let longer = [&images[..], &[0; 3]].concat();
    for (images, labels, says) in [
        (cut(126), labels.clone(), "a: 120 bytes of pixels expected, 110 found"),
        (gzip(&cut(126)), labels.clone(), "a: 120 bytes of pixels expected, 110 found"),
        (longer.clone(), labels.clone(), "a: 120 bytes of pixels expected, 123 found"),
        (gzip(&longer), labels.clone(), "a: 120 bytes of pixels expected, more found"),
        (cut(10), labels.clone(), "a: cut off: a header of 16 bytes expected, 10 found"),
        (cut(0), labels.clone(), "a: empty"),
        (gzip(&images)[..60].to_vec(), labels.clone(), "a: the gzip is cut off"),
        (images.clone(), idx(&[4], &[3, 0, 9, 1]), "a: 5 images, 4 labels (in b)"),
        (images.clone(), idx(&[5], &[3, 0, 9, 1]), "b: 5 labels expected, 4 found"),
        (images.clone(), images.clone(), "b: this is an image file, expected labels"),
        (labels.clone(), labels.clone(), "a: this is a label file, expected images"),
        (
            [&little[..], &images[16..]].concat(),
            labels.clone(),
            "a: bad magic number 0x03080000: wrong byte order, the numbers of the header must be big-endian",
        ),
        (b"not an IDX file at all".to_vec(), labels.clone(), "a: bad magic number 0x6e6f7420: not an IDX file"),
        (b"<!DOCTYPE html>".to_vec(), labels.clone(), "a: looks like a web page: download the file itself"),
        (b"PK\x03\x04 and so on".to_vec(), labels.clone(), "a: a zip archive: unpack it"),
        (gzip(&gzip(&images)), labels.clone(), "a: a gzip file: unpack it"),
        (
            idx(&[5, 2, 3, 4], &[0; 120]),
            labels.clone(),
            "a: an IDX file of 4 dimensions, expected images (3 dimensions)",
        ),
        (
            [&[0, 0, 13, 3], &images[4..]].concat(),
            labels.clone(),
            "a: an IDX file of numbers of the type 0x0d, expected bytes (0x08)",
        ),
        (idx(&[0, 6, 4], &[]), labels.clone(), "a: 0 images of 6 x 4: expected some, of 1 to 16384 a side"),
    ] {
        fs::write(&a, images).unwrap();
        fs::write(&b, labels).unwrap();
        assert_eq!(refused(read_idx(&a, &b), &directory), says);
    }
}

#[test]
fn a_header_that_promises_too_much_takes_no_memory() {
    let directory = TempDir::new().unwrap();
    let (a, b) = (at(&directory, "a"), at(&directory, "b"));
    fs::write(&b, pair().1).unwrap();
    let huge = idx(&[u32::MAX, 16384, 16384], &[0; 1000]);
    fs::write(&a, &huge).unwrap();
    let says = "a: 1152921504338411520 bytes of pixels expected, 1000 found";
    assert_eq!(refused(read_idx(&a, &b), &directory), says);
    fs::write(&a, gzip(&huge)).unwrap();
    let says = "a: 1152921504338411520 bytes of pixels expected, more than so short a gzip can hold";
    assert_eq!(refused(read_idx(&a, &b), &directory), says);
    // A bomb: ten megabytes of zeros in ten thousand bytes, behind a header of 120.
    fs::write(&a, gzip(&[&pair().0[..16], &vec![0; 10 << 20]].concat())).unwrap();
    assert_eq!(refused(read_idx(&a, &b), &directory), "a: 120 bytes of pixels expected, more found");
    // Headers that so long a gzip could hold are refused before the rest is read: it would be found too short.
    let noise: Vec<u8> = Key::new(1).uniform(0, 1, 5 << 20).into_iter().map(|u| (u * 256.0) as u8).collect();
    fs::write(&a, gzip(&idx(&[3 << 10, 1024, 1024], &noise))).unwrap();
    let says = "a: 3221225472 bytes of pixels are too many: as numbers they take more than 8 GiB";
    assert_eq!(refused(read_idx(&a, &b), &directory), says);
    fs::write(&a, pair().0).unwrap();
    fs::write(&b, gzip(&idx(&[u32::MAX], &noise))).unwrap();
    assert_eq!(refused(read_idx(&a, &b), &directory), "a: 5 images, 4294967295 labels (in b)");
}

#[test]
fn mnist_is_found_under_each_of_its_names() {
    for (point, gz) in [("-", ""), ("-", ".gz"), (".", ""), (".", ".gz")] {
        let directory = TempDir::new().unwrap();
        let (images, labels) = pair();
        let name = |part: &str, what: &str, n: u8| at(&directory, &format!("{part}-{what}{point}idx{n}-ubyte{gz}"));
        fs::write(name("train", "images", 3), &images).unwrap();
        fs::write(name("train", "labels", 1), &labels).unwrap();
        let source = ImageSource::FashionMnist(directory.path().to_path_buf());
        let data = source.read(&ImageReading::default()).unwrap();
        assert!(data.test.is_none() && data.notes[0].contains("no official test part"), "{:?}", data.notes);
        assert_eq!((data.classes.len(), &data.classes[0][..], &data.classes[9][..]), (10, "T-shirt/top", "Ankle boot"));
        fs::write(name("t10k", "images", 3), &images).unwrap();
        let says = "DIR: no t10k-labels-idx1-ubyte here (looked for that name, with `.` before `idx1` too, with and without .gz)";
        assert_eq!(refused(source.read(&ImageReading::default()), &directory), says);
        fs::write(name("t10k", "labels", 1), &labels).unwrap();
        let data = source.read(&ImageReading::default()).unwrap();
        assert_eq!(data.test.unwrap().labels, [3, 0, 9, 1, 3]);
        assert_eq!(source.read_test(&ImageReading::default()).unwrap().pictures.images.rows(), 5);
    }
}

#[test]
fn what_is_not_there_or_no_class_is_named() {
    let directory = TempDir::new().unwrap();
    let source = ImageSource::Mnist(directory.path().to_path_buf());
    let says = "DIR: no IDX files here: expected train-images-idx3-ubyte and train-labels-idx1-ubyte, with and without .gz, \
                with `.` before `idx` too";
    assert_eq!(refused(source.read(&ImageReading::default()), &directory), says);
    fs::write(at(&directory, "train-images-idx3-ubyte"), pair().0).unwrap();
    fs::write(at(&directory, "train-labels-idx1-ubyte"), idx(&[5], &[3, 0, 10, 1, 3])).unwrap();
    let says = "train-labels-idx1-ubyte: label 10 of row 2: expected 0 to 9";
    assert_eq!(refused(source.read(&ImageReading::default()), &directory), says);
    let source = ImageSource::Mnist(at(&directory, "nowhere"));
    assert!(refused(source.read(&ImageReading::default()), &directory).starts_with("nowhere: No such file"));
}

#[test]
fn bytes_are_scaled_and_coloured_as_the_reading_says() {
    let directory = TempDir::new().unwrap();
    let name = |what: &str| at(&directory, &format!("train-{what}-ubyte"));
    fs::write(name("images-idx3"), idx(&[1, 2, 4], &[100; 8])).unwrap();
    fs::write(name("labels-idx1"), idx(&[1], &[0])).unwrap();
    let reading = ImageReading { size: Some([4, 4]), color: Color::Rgb, ..ImageReading::default() };
    let data = ImageSource::Mnist(directory.path().to_path_buf()).read(&reading).unwrap();
    assert_eq!(data.train.images.shape(), [3, 4, 4]);
    for plane in data.train.images.row(0).chunks(16) {
        // As wide as it may be, with black above and below: not squeezed.
        assert!(plane[..4].iter().chain(&plane[12..]).all(|&value| value == 0.0));
        assert!(plane[4..12].iter().all(|value| (value - 100.0 / 255.0).abs() < 1e-6));
    }
    assert_eq!(data.notes[0], "pictures of 2 x 4 are scaled to 4 x 4 (height x width)");
}

// CIFAR-10

fn record(label: u8, shade: u8) -> Vec<u8> {
    let mut record = vec![label];
    [shade, 100, 200].iter().for_each(|&value| record.extend([value; 1024]));
    record
}

fn cifar(directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    for batch in 1..=5 {
        let records = [record(batch, 10 * batch), record(0, 7)].concat();
        fs::write(directory.join(format!("data_batch_{batch}.bin")), records).unwrap();
    }
    fs::write(directory.join("test_batch.bin"), record(9, 50)).unwrap();
}

#[test]
fn cifar_is_read_from_its_folder_or_the_one_above() {
    let directory = TempDir::new().unwrap();
    let inner = at(&directory, "cifar-10-batches-bin");
    cifar(&inner);
    for folder in [directory.path(), &inner] {
        let source = ImageSource::Cifar10(folder.to_path_buf());
        let data = source.read(&ImageReading::default()).unwrap();
        assert_eq!((data.train.images.rows(), data.train.images.shape()), (10, [3, 32, 32]));
        assert_eq!(data.train.labels, [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]);
        let row = data.train.images.row(2);
        assert_eq!([row[0], row[1024], row[3071]], [20.0, 100.0, 200.0].map(|value: f32| value / 255.0));
        assert_eq!((&data.classes[3][..], data.test.unwrap().labels), ("cat", vec![9]));
        assert!(data.notes.is_empty(), "{:?}", data.notes);
        let grey = ImageReading { color: Color::Grey, ..ImageReading::default() };
        let TestPart { classes, pictures: test, .. } = source.read_test(&grey).unwrap();
        assert_eq!((classes.len(), test.images.shape()), (10, [1, 32, 32]));
        let luma = (0.299 * 50.0 + 0.587 * 100.0 + 0.114 * 200.0) / 255.0;
        assert!((test.images.row(0)[77] - luma).abs() < 1e-6);
    }
    let names: Vec<String> = (0..10).map(|i| format!("kind {i}\n")).collect();
    fs::write(inner.join("batches.meta.txt"), format!("{}\n", names.concat())).unwrap();
    let data = ImageSource::Cifar10(inner).read(&ImageReading::default()).unwrap();
    assert_eq!(data.classes[3], "kind 3");
}

#[test]
fn cifar_files_that_are_wrong_are_named() {
    let directory = TempDir::new().unwrap();
    let error =
        || refused(ImageSource::Cifar10(directory.path().to_path_buf()).read(&ImageReading::default()), &directory);
    assert!(error().starts_with("DIR: no data_batch_1.bin, data_batch_2.bin"), "{}", error());
    cifar(directory.path());
    let second = at(&directory, "data_batch_2.bin");
    fs::remove_file(&second).unwrap();
    assert_eq!(error(), "DIR: no data_batch_2.bin here: expected the binary version of CIFAR-10");
    for (bytes, says) in [
        (record(3, 1)[..3000].to_vec(), "3000 bytes found, expected 1 to 100000 records of 3073 bytes"),
        (Vec::new(), "0 bytes found, expected 1 to 100000 records of 3073 bytes"),
        ([record(3, 1), record(10, 1)].concat(), "label 10 of row 1: expected 0 to 9"),
        (b"<html>".to_vec(), "looks like a web page: download the file itself"),
    ] {
        fs::write(&second, bytes).unwrap();
        assert_eq!(error(), format!("data_batch_2.bin: {says}"));
    }
    fs::write(&second, gzip(&record(3, 1))).unwrap();
    fs::write(at(&directory, "batches.meta.txt"), "one\ntwo\n").unwrap();
    assert_eq!(error(), "batches.meta.txt: 2 names, expected the 10 of the classes");
}

// Normalisation

#[test]
fn normalised_pictures_have_mean_0_and_standard_deviation_1_in_each_channel() {
    let images = digits(Key::new(1), 20).images;
    let values: Vec<f32> = images.values().chunks(784).flat_map(|row| [row, row].concat()).collect();
    let colored: Vec<f32> = values.iter().enumerate().map(|(i, v)| if i / 784 % 2 == 0 { *v } else { 0.3 }).collect();
    let images = Images::new([2, 28, 28], colored).unwrap();
    let normalisation = Normalisation::of(&images);
    normalisation.check().unwrap();
    assert_eq!(normalisation.sd[1], 1.0); // the same everywhere
    let (first, address) = (images.row(0).to_vec(), images.values().as_ptr());
    let images = normalisation.apply(images);
    assert_eq!(images.values().as_ptr(), address); // in place
    let channel =
        |channel: usize| images.values().chunks(784).skip(channel).step_by(2).flatten().map(|&x| f64::from(x));
    let n = channel(0).count() as f64;
    assert!((channel(0).sum::<f64>() / n).abs() < 1e-6);
    assert!((channel(0).map(|x| x * x).sum::<f64>() / n - 1.0).abs() < 1e-5);
    assert!(channel(1).all(|x| x.abs() < 1e-6));
    let mut row = first;
    normalisation.apply_row(&mut row);
    assert_eq!(row, images.row(0));
}

#[test]
fn a_normalisation_that_is_none_is_refused() {
    let error = |mean: &[f64], sd: &[f64]| {
        Normalisation { mean: mean.to_vec(), sd: sd.to_vec() }.check().unwrap_err().to_string()
    };
    assert_eq!(error(&[], &[]), "`normalisation.mean` is []: expected a number for each channel");
    assert_eq!(error(&[f64::NAN], &[1.0]), "`normalisation.mean` is [NaN]: expected a number for each channel");
    assert_eq!(error(&[0.5], &[0.0]), "`normalisation.sd` is [0.0]: expected 1e-6 to 1e6 for each channel");
    assert_eq!(error(&[0.5], &[1.0, 1.0]), "`normalisation.sd` is [1.0, 1.0]: expected 1e-6 to 1e6 for each channel");
}

// Augmentation

const SHAPE: [usize; 3] = [2, 9, 9];

/// Black is -2 and white is 2 in the first channel, -1 and 9 in the second.
fn scale() -> Normalisation {
    Normalisation { mean: vec![0.5, 0.1], sd: vec![0.25, 0.1] }
}

fn black(channel: usize) -> f32 {
    [-2.0, -1.0][channel]
}

fn picture(seed: u64) -> Vec<f32> {
    let mut pixels = Key::new(seed).uniform(0, 1, SHAPE.iter().product());
    scale().apply_row(&mut pixels);
    pixels
}

fn bits(pixels: &[f32]) -> Vec<u32> {
    pixels.iter().map(|pixel| pixel.to_bits()).collect()
}

fn augmented(augmentation: &Augmentation, pixels: &[f32], key: Key) -> Vec<f32> {
    let mut pixels = pixels.to_vec();
    augmentation.apply(&mut pixels, SHAPE, &scale(), key);
    pixels
}

fn everything() -> Augmentation {
    Augmentation { flip: true, rotate: 20.0, shift: 0.2, zoom: 0.2, crop: 2, brightness: 0.2, noise: 0.05, erase: 0.5 }
}

#[test]
fn without_augmentation_not_a_bit_changes() {
    let pixels = picture(1);
    assert!(Augmentation::default().is_none() && !everything().is_none());
    assert_eq!(bits(&augmented(&Augmentation::default(), &pixels, Key::new(5))), bits(&pixels));
}

#[test]
fn the_same_key_changes_a_picture_alike_and_another_one_otherwise() {
    let (pixels, augmentation) = (picture(1), everything());
    let once = augmented(&augmentation, &pixels, Key::new(5));
    assert_eq!(bits(&once), bits(&augmented(&augmentation, &pixels, Key::new(5))));
    assert_ne!(once, augmented(&augmentation, &pixels, Key::new(6)));
    // No pixel leaves what its channel can be.
    for seed in 0..50 {
        let changed = augmented(&augmentation, &pixels, Key::new(seed));
        assert!(changed[..81].iter().all(|pixel| (-2.0 - 1e-5..=2.0 + 1e-5).contains(pixel)));
        assert!(changed[81..].iter().all(|pixel| (-1.0 - 1e-5..=9.0 + 1e-5).contains(pixel)));
    }
}

#[test]
fn what_is_added_to_an_augmentation_leaves_the_other_draws_as_they_were() {
    let (flip, both) = (
        Augmentation { flip: true, ..Augmentation::default() },
        Augmentation { flip: true, brightness: 1e-9, ..Augmentation::default() },
    );
    for seed in 0..20 {
        let [a, b] = [&flip, &both].map(|augmentation| augmented(augmentation, &picture(1), Key::new(seed)));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}

#[test]
fn a_flip_twice_is_none_and_half_of_the_pictures_are_flipped() {
    let augmentation = Augmentation { flip: true, ..Augmentation::default() };
    let pixels = picture(2);
    let mut flips = 0;
    for seed in 0..1000 {
        let once = augmented(&augmentation, &pixels, Key::new(seed));
        flips += usize::from(once != pixels);
        assert_eq!(augmented(&augmentation, &once, Key::new(seed)), pixels);
        if once != pixels {
            assert_eq!((once[0], once[81 + 9]), (pixels[8], pixels[81 + 17])); // row by row
        }
    }
    assert!((flips as f64 - 500.0).abs() < 4.0 * 250f64.sqrt(), "{flips} of 1000");
}

#[test]
fn a_picture_turns_against_the_clock_about_its_middle() {
    let mut pixels = vec![0.0; 81];
    pixels[4 * 9 + 6] = 1.0; // two to the right of the middle
    let turned = |degrees| rotated(&pixels, [1, 9, 9], degrees);
    for (degrees, at) in [(0.0, 42), (90.0, 22), (180.0, 38), (-90.0, 58), (270.0, 58), (360.0, 42)] {
        let turned = turned(degrees);
        assert_eq!((turned[at], turned.iter().sum::<f32>()), (1.0, 1.0), "{degrees}");
    }
    // At 45 degrees the pixel is at (4 - sqrt 2, 4 + sqrt 2): shared by four, their centre of mass is there.
    let turned = turned(45.0);
    let sum: f32 = turned.iter().sum();
    let mean =
        |of: fn(usize) -> usize| turned.iter().enumerate().map(|(i, value)| of(i) as f32 * value).sum::<f32>() / sum;
    assert!((mean(|i| i / 9) - 2.586).abs() < 0.1 && (mean(|i| i % 9) - 5.414).abs() < 0.1);
    // There and back.
    let digit = digits(Key::new(3), 1).images;
    let back = rotated(&rotated(digit.row(0), [1, 28, 28], 30.0), [1, 28, 28], -30.0);
    let error: f32 = back.iter().zip(digit.row(0)).map(|(a, b)| (a - b).abs()).sum::<f32>() / 784.0;
    assert!(error < 0.04, "{error}");
}

#[test]
fn turned_moved_and_zoomed_pictures_are_as_far_as_was_said_and_black_comes_in() {
    // A white dot two to the right of the middle, on black.
    let at = |augmentation: &Augmentation, seed: u64| {
        let mut pixels: Vec<f32> = [vec![black(0); 81], vec![black(1); 81]].concat();
        pixels[42] = 2.0;
        let changed = augmented(augmentation, &pixels, Key::new(seed));
        assert!(changed[81..].iter().all(|&pixel| (pixel - black(1)).abs() < 1e-5)); // black stays black
        let mass: f32 = changed[..81].iter().map(|pixel| pixel - black(0)).sum();
        let mean = |of: fn(usize) -> usize| {
            changed[..81].iter().enumerate().map(|(i, pixel)| of(i) as f32 * (pixel - black(0))).sum::<f32>() / mass
        };
        (mean(|i| i / 9) - 4.0, mean(|i| i % 9) - 4.0)
    };
    let all = |augmentation: Augmentation| (0..200).map(|seed| at(&augmentation, seed)).collect::<Vec<_>>();
    let most = |values: &[f32]| values.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
    let rotated = all(Augmentation { rotate: 30.0, ..Augmentation::default() });
    let angles: Vec<f32> = rotated.iter().map(|(y, x)| (-y).atan2(*x).to_degrees()).collect();
    assert!(
        (25.0..35.0).contains(&most(&angles)) && angles.iter().any(|&a| a > 20.0) && angles.iter().any(|&a| a < -20.0)
    );
    let moved = all(Augmentation { shift: 0.2, ..Augmentation::default() });
    let (down, right): (Vec<f32>, Vec<f32>) = moved.iter().map(|(y, x)| (*y, x - 2.0)).unzip();
    for by in [down, right] {
        assert!((1.6..=1.801).contains(&most(&by)), "{}", most(&by)); // 0.2 of 9 pixels
        let mean = by.iter().sum::<f32>() / 200.0;
        assert!(mean.abs() < 4.0 * 1.8 / 3f32.sqrt() / 200f32.sqrt(), "{mean}");
    }
    let zoomed = all(Augmentation { zoom: 0.5, ..Augmentation::default() });
    assert!(zoomed.iter().any(|(_, x)| *x > 2.7) && zoomed.iter().any(|(_, x)| *x < 1.5));
    assert!(zoomed.iter().all(|(y, x)| y.abs() < 0.3 && (1.0..3.3).contains(x)));
}

#[test]
fn a_crop_moves_by_whole_pixels_each_as_often() {
    let augmentation = Augmentation { crop: 1, ..Augmentation::default() };
    let pixels = picture(4);
    let mut counts = [0; 9];
    for seed in 0..900 {
        let cropped = augmented(&augmentation, &pixels, Key::new(seed));
        let place = (0..9).find(|i| cropped[40] == pixels[(3 + i / 3) * 9 + 3 + i % 3]).expect("a pixel from nearby");
        counts[place] += 1;
        let from = |y: usize, x: usize| match ((y + place / 3).checked_sub(1), (x + place % 3).checked_sub(1)) {
            (Some(y), Some(x)) if y < 9 && x < 9 => pixels[y * 9 + x],
            _ => black(0),
        };
        assert!((0..81).all(|i| cropped[i] == from(i / 9, i % 9)));
    }
    assert!(
        counts.iter().all(|&n| (f64::from(n) - 100.0).abs() < 4.0 * (900.0 / 9.0 * 8.0 / 9.0f64).sqrt()),
        "{counts:?}"
    );
}

#[test]
fn brightness_and_noise_are_shares_of_full_scale() {
    let grey: Vec<f32> = [vec![0.0; 81], vec![4.0; 81]].concat(); // 0.5 in both channels
    let n = 400;
    let shifts: Vec<f32> = (0..n)
        .map(|seed| {
            let augmentation = Augmentation { brightness: 0.2, ..Augmentation::default() };
            let changed = augmented(&augmentation, &grey, Key::new(seed));
            let by = changed[0] / 4.0; // of full scale
            assert!(changed[..81].iter().all(|&pixel| pixel == changed[0]) && by.abs() <= 0.2);
            assert!(changed[81..].iter().all(|&pixel| ((pixel - 4.0) / 10.0 - by).abs() < 1e-5));
            by
        })
        .collect();
    let mean = shifts.iter().sum::<f32>() / n as f32;
    assert!(mean.abs() < 4.0 * 0.2 / 3f32.sqrt() / (n as f32).sqrt(), "{mean}");
    let noise: Vec<f64> = (0..n)
        .flat_map(|seed| {
            let augmentation = Augmentation { noise: 0.05, ..Augmentation::default() };
            augmented(&augmentation, &grey, Key::new(seed))[..81].iter().map(|x| f64::from(x / 4.0)).collect::<Vec<_>>()
        })
        .collect();
    let count = noise.len() as f64;
    let variance = noise.iter().map(|x| x * x).sum::<f64>() / count;
    assert!((variance / 0.0025 - 1.0).abs() < 4.0 * (2.0 / count).sqrt(), "{variance}");
}

#[test]
fn as_many_pictures_are_erased_as_was_said_and_as_much_of_them() {
    let augmentation = Augmentation { erase: 0.3, ..Augmentation::default() };
    let pixels = vec![1.0; 162];
    let n = 2000;
    let mut erased = 0;
    for seed in 0..n {
        let changed = augmented(&augmentation, &pixels, Key::new(seed));
        let gone: Vec<usize> = (0..81).filter(|&i| changed[i] != 1.0).collect();
        let Some((&first, &last)) = gone.first().zip(gone.last()) else { continue };
        erased += 1;
        let (high, wide) = (last / 9 - first / 9 + 1, last % 9 - first % 9 + 1);
        // A rectangle of a third of the 81 pixels at most, before each side is rounded.
        assert!(gone.len() == high * wide && gone.len() <= 36, "{} pixels", gone.len());
        assert!(gone.iter().all(|&i| changed[i] == black(0) && changed[81 + i] == black(1)));
    }
    let error = (0.3 * 0.7 / n as f64).sqrt();
    assert!((erased as f64 / n as f64 - 0.3).abs() < 4.0 * error, "{erased} of {n}");
}

#[test]
fn pixels_that_are_no_picture_are_refused_and_not_changed_otherwise() {
    let panics = |run: &dyn Fn()| {
        let error = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_err();
        error
            .downcast_ref::<&str>()
            .map_or_else(|| error.downcast_ref::<String>().unwrap().clone(), |says| says.to_string())
    };
    let row = |n: usize| scale().apply_row(&mut vec![0.5; n]);
    row(162);
    assert_eq!(panics(&|| row(161)), "161 pixels are not 2 channels of one size");
    let uneven = Normalisation { mean: vec![0.5; 2], sd: vec![1.0] };
    assert!(panics(&|| uneven.apply_row(&mut [0.5; 2])).contains("a mean and a standard deviation for each channel"));
    let change =
        |n: usize, shape, scale: &Normalisation| everything().apply(&mut vec![0.5; n], shape, scale, Key::new(1));
    change(162, SHAPE, &scale());
    assert_eq!(panics(&|| change(161, SHAPE, &scale())), "161 pixels are no picture of the shape [2, 9, 9]");
    assert_eq!(panics(&|| change(0, [2, 0, 9], &scale())), "0 pixels are no picture of the shape [2, 0, 9]");
    let three = Normalisation { mean: vec![0.5; 3], sd: vec![1.0; 3] };
    let says = "a mean and a standard deviation for each channel";
    assert!(panics(&|| change(162, SHAPE, &three)).contains(says));
    assert!(panics(&|| change(162, SHAPE, &uneven)).contains(says));
    assert_eq!(panics(&|| drop(rotated(&[0.5; 3], SHAPE, 90.0))), "3 pixels are no picture of the shape [2, 9, 9]");
}

#[test]
fn an_augmentation_that_cannot_be_meant_is_named() {
    let error = |augmentation: Augmentation| augmentation.check().unwrap_err().to_string();
    let none = Augmentation::default;
    assert_eq!(error(Augmentation { rotate: -1.0, ..none() }), "`augment.rotate` is -1: expected 0 to 180");
    assert_eq!(error(Augmentation { erase: f64::NAN, ..none() }), "`augment.erase` is NaN: expected 0 to 1");
    assert_eq!(error(Augmentation { crop: 5000, ..none() }), "`augment.crop` is 5000: expected 0 to 4096 pixels");
    everything().check().unwrap();
    let text = toml::to_string(&everything()).unwrap();
    assert_eq!(toml::from_str::<Augmentation>(&text).unwrap(), everything());
    assert!(toml::from_str::<Augmentation>(&format!("{text}rotat = 1\n")).is_err());
}

#[test]
fn the_largest_augmentation_of_the_smallest_picture_is_a_picture() {
    let most = Augmentation { crop: 4096, rotate: 180.0, shift: 1.0, zoom: 4.0, ..everything() };
    for (height, width) in [(1, 1), (1, 5), (5, 1)] {
        for seed in 0..50 {
            let mut pixels = vec![0.5; height * width];
            let scale = Normalisation { mean: vec![0.0], sd: vec![1.0] };
            most.apply(&mut pixels, [1, height, width], &scale, Key::new(seed));
            assert!(pixels.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
        }
    }
}

// Digits

#[test]
fn digits_are_a_function_of_key_and_row() {
    let (few, many) = (digits(Key::new(7), 12), digits(Key::new(7), 40));
    assert_eq!(few.images.values(), &many.images.values()[..12 * 784]);
    assert_ne!(few.images.values(), digits(Key::new(8), 12).images.values());
    assert_eq!(many.labels, (0..40).map(|row| row % 10).collect::<Vec<_>>());
    assert!(many.images.values().iter().all(|value| (0.0..=1.0).contains(value)));
}

#[test]
fn the_built_in_digits_are_those_of_every_platform() {
    let data = ImageSource::Digits.read(&ImageReading::default()).unwrap();
    assert_eq!(data.sha256, "f870a7ad7d4659ad5e3929b96b65910c1db6dae3ab8352b724d077f9fa46bef9");
    let test = data.test.unwrap();
    assert_eq!((data.train.images.rows(), test.images.rows()), (3000, 1000));
    for part in [&data.train, &test] {
        let n = part.labels.len() / 10;
        assert!((0..10).all(|class| part.labels.iter().filter(|&&label| label == class).count() == n));
    }
    let TestPart { classes, pictures: same, .. } = ImageSource::Digits.read_test(&ImageReading::default()).unwrap();
    assert_eq!((classes.join(""), same), ("0123456789".to_string(), test));
}

#[test]
fn digits_look_like_those_of_their_class() {
    let (train, test) = (digits(Key::new(11), 500), digits(Key::new(12), 500));
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    let right = (0..500).filter(|&i| {
        let row = test.images.row(i);
        let near =
            |&a: &usize, &b: &usize| distance(train.images.row(a), row).total_cmp(&distance(train.images.row(b), row));
        train.labels[(0..500).min_by(near).unwrap()] == test.labels[i]
    });
    let right = right.count();
    // The nearest of 500 is right for most, and not for all: there is something to learn, and something to be unsure of.
    assert!((400..500).contains(&right), "{right} of 500");
}

/// Folders of pictures, a folder for each class.
#[cfg(feature = "images")]
mod folders {
    use std::io::Cursor;

    use burn_zoo::data::image::{Alpha, BadFiles, ImageData, read_images};
    use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    fn file(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn grey(height: u32, width: u32, value: u8) -> Vec<u8> {
        file(GrayImage::from_pixel(width, height, Luma([value])), ImageFormat::Png)
    }

    fn red(height: u32, width: u32) -> Vec<u8> {
        file(RgbImage::from_pixel(width, height, Rgb([255, 0, 0])), ImageFormat::Png)
    }

    fn write(directory: &TempDir, name: &str, bytes: &[u8]) {
        let path = at(directory, name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Two classes of two grey pictures each.
    fn good() -> TempDir {
        let directory = TempDir::new().unwrap();
        for (i, name) in ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"].into_iter().enumerate() {
            write(&directory, name, &grey(4, 6, 10 * (i as u8 + 1)));
        }
        directory
    }

    fn read(directory: &TempDir, reading: &ImageReading) -> burn_zoo::Result<ImageData> {
        ImageSource::Folder(directory.path().to_path_buf()).read(reading)
    }

    fn plain(directory: &TempDir) -> ImageData {
        read(directory, &ImageReading::default()).unwrap()
    }

    fn error(directory: &TempDir) -> String {
        refused(read(directory, &ImageReading::default()), directory)
    }

    #[test]
    fn classes_are_folders_and_rows_are_in_order() {
        let directory = good();
        let data = plain(&directory);
        assert_eq!((data.classes, data.notes), (vec!["cat".to_string(), "dog".to_string()], vec![]));
        assert_eq!(data.train.images.shape(), [1, 4, 6]);
        assert_eq!(data.train.names, ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"]);
        assert_eq!(data.train.labels, [0, 0, 1, 1]);
        assert_eq!(data.train.images.row(3), [40.0 / 255.0; 24]);
        let lines: String = data
            .train
            .names
            .iter()
            .map(|name| format!("{}  {name}\n", burn_zoo::data::sha256(&fs::read(at(&directory, name)).unwrap())))
            .collect();
        assert_eq!(data.sha256, burn_zoo::data::sha256(lines.as_bytes())); // what sha256sum writes
        let source = ImageSource::Folder(directory.path().to_path_buf());
        assert_eq!(source.read_test(&ImageReading::default()).unwrap().pictures, data.train);
    }

    #[test]
    fn what_is_hidden_or_left_behind_by_systems_is_no_class_and_no_picture() {
        let directory = good();
        for name in [".git/1.png", "__MACOSX/cat/1.png", "cat/.1.png", "cat/Thumbs.db", "dog/desktop.ini", ".DS_Store"]
        {
            write(&directory, name, b"something");
        }
        let data = plain(&directory);
        assert_eq!((data.train.images.rows(), data.notes), (4, vec![]));
    }

    #[test]
    fn what_a_file_is_its_contents_say() {
        let directory = good();
        write(&directory, "cat/3.jpg", &grey(4, 6, 50)); // a PNG
        write(&directory, "dog/no-extension", &file(GrayImage::new(6, 4), ImageFormat::Jpeg));
        write(&directory, "dog/words.csv", b"a,b\n");
        let data = plain(&directory);
        assert_eq!(data.train.images.rows(), 6);
        assert_eq!(data.notes, ["1 file left out, neither PNG nor JPEG by name and contents: dog/words.csv"]);
    }

    #[test]
    fn pictures_beside_the_folders_and_in_folders_below_are_told() {
        let directory = good();
        write(&directory, "lost.png", &grey(4, 6, 1));
        write(&directory, "cat/old/3.png", &grey(4, 6, 1));
        let data = plain(&directory);
        assert_eq!(
            data.notes,
            [
                "1 picture in folders inside of a class's folder count to the class: cat/old/3.png",
                "1 picture beside the folders of the classes left out: lost.png",
            ]
        );
        assert_eq!(data.train.labels, [0, 0, 0, 1, 1]);
    }

    #[test]
    fn folders_that_are_no_classes_are_refused() {
        let directory = TempDir::new().unwrap();
        assert_eq!(error(&directory), "DIR: no folders here: expected a folder of pictures for each class");
        write(&directory, "1.png", &grey(2, 2, 0));
        assert_eq!(error(&directory), "DIR: 1 picture here: expected a folder of pictures for each class");
        let directory = good();
        fs::create_dir(at(&directory, "empty")).unwrap();
        assert_eq!(error(&directory), "DIR: no pictures in the folder `empty`, which makes it no class");
        let directory = TempDir::new().unwrap();
        for name in ["train/cat/1.png", "train/dog/1.png", "test/cat/1.png"] {
            write(&directory, name, &grey(2, 2, 0));
        }
        assert_eq!(error(&directory), "DIR: `test`, `train` are parts, not classes: choose one, such as images:test");
        assert!(error(&TempDir::new().unwrap()).starts_with("DIR"));
        let nowhere = ImageSource::Folder(at(&directory, "nowhere")).read(&ImageReading::default());
        assert!(refused(nowhere, &directory).starts_with("nowhere: No such file"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_above_is_not_followed_for_ever() {
        let directory = good();
        std::os::unix::fs::symlink(directory.path(), at(&directory, "cat/loop")).unwrap();
        std::os::unix::fs::symlink(at(&directory, "dog"), at(&directory, "dog/loop")).unwrap();
        assert_eq!(plain(&directory).train.images.rows(), 4);
    }

    #[test]
    fn many_bad_files_are_named_up_to_twenty() {
        let directory = good();
        for i in 0..25 {
            write(&directory, &format!("cat/bad-{i:02}.png"), b"");
        }
        let text = error(&directory);
        assert!(text.starts_with(
            "DIR: 25 files of 29 cannot be read (bad_files = skip leaves such files out): cat/bad-00.png: empty; "
        ));
        assert!(text.ends_with("cat/bad-19.png: empty; and 5 more"), "{text}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let png = grey(4, 6, 7);
        let jpeg = file(GrayImage::from_pixel(64, 64, Luma([9])), ImageFormat::Jpeg);
        let mut broken = png.clone();
        broken[40] ^= 0xff; // in the compressed pixels
        let mut huge = png.clone();
        huge[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
        let mut hollow = png.clone();
        hollow[16..20].copy_from_slice(&10_000_u32.to_be_bytes());
        hollow[20..24].copy_from_slice(&10_000_u32.to_be_bytes());
        for (bytes, says) in [
            (b"".to_vec(), "empty"),
            (b"hello".to_vec(), "neither PNG nor JPEG"),
            (b"\xef\xbb\xbf <!-- a page -->".to_vec(), "looks like a web page: download the file itself"),
            (b"GIF89a".to_vec(), "a GIF picture: save it as PNG or JPEG"),
            (b"RIFF\x10\0\0\0WEBPVP8 ".to_vec(), "a WebP picture: save it as PNG or JPEG"),
            (
                b"version https://git-lfs.github.com/spec/v1".to_vec(),
                "a Git LFS pointer: fetch the file itself (git lfs pull)",
            ),
            (png[..png.len() - 20].to_vec(), "cut off before its end"),
            (png[..png.len() - 4].to_vec(), "cut off before its end"),
            (jpeg[..jpeg.len() - 2].to_vec(), "cut off before its end"),
            (jpeg[..jpeg.len() / 2].to_vec(), "cut off before its end"),
            (broken, "damaged: "),
            (huge, "4 x 30000 pixels: a side may have 16384"),
            (hollow, "damaged: says 10000 x 10000 pixels, more than so short a file can hold"),
        ] {
            let directory = good();
            write(&directory, "cat/bad.png", &bytes);
            let text = error(&directory);
            let start = "DIR: 1 file of 5 cannot be read (bad_files = skip leaves such files out): cat/bad.png: ";
            assert!(text.strip_prefix(start).is_some_and(|fault| fault.starts_with(says)), "{text}, expected {says}");
            let skip = ImageReading { bad_files: BadFiles::Skip, ..ImageReading::default() };
            let data = read(&directory, &skip).unwrap();
            assert_eq!(data.train, plain(&good()).train); // as if it were not there
            assert!(data.notes[0].starts_with("1 file of 5 cannot be read and are left out: cat/bad.png: "));
        }
    }

    #[test]
    fn a_class_of_bad_files_alone_is_refused_even_if_they_are_left_out() {
        let directory = good();
        write(&directory, "fox/1.png", b"");
        let skip = ImageReading { bad_files: BadFiles::Skip, ..ImageReading::default() };
        assert_eq!(refused(read(&directory, &skip), &directory), "DIR: no picture in the folder `fox` can be read");
    }

    #[test]
    fn the_most_frequent_size_holds_and_others_are_scaled_with_their_proportions() {
        let directory = good();
        write(&directory, "dog/3.png", &grey(8, 4, 255)); // becomes 4 high, 2 wide
        let data = plain(&directory);
        assert_eq!(
            data.notes,
            ["1 of 5 pictures scaled to 4 x 6 (height x width), proportions kept, black beside them: dog/3.png"]
        );
        for row in data.train.images.row(4).chunks(6) {
            assert_eq!(row, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        }
        let reading = ImageReading { size: Some([2, 3]), ..ImageReading::default() };
        let data = read(&directory, &reading).unwrap();
        assert_eq!(data.train.images.shape(), [1, 2, 3]);
        assert!(data.notes[0].starts_with("5 of 5 pictures scaled to 2 x 3"));
        let reading = ImageReading { size: Some([4096, 4096]), color: Color::Rgb, ..ImageReading::default() };
        let many = good();
        (0..200).for_each(|i| write(&many, &format!("cat/x{i}.png"), &grey(1, 1, 0)));
        let says = "`size` is 4096 x 4096: expected smaller pictures: 204 of these take 38 GiB";
        assert_eq!(refused(read(&many, &reading), &many), says);
    }

    #[test]
    fn one_coloured_picture_makes_all_of_them_coloured_unless_grey_is_said() {
        let directory = good();
        write(&directory, "dog/3.png", &red(4, 6));
        let data = plain(&directory);
        assert_eq!(data.train.images.shape(), [3, 4, 6]);
        assert_eq!(
            data.notes,
            [
                "4 of 5 pictures stored as grey, read as red, green and blue like the others: cat/1.png, cat/2.png, dog/1.png, and 1 more"
            ]
        );
        assert_eq!(data.train.images.row(0), [10.0 / 255.0; 72]);
        assert_eq!(data.train.images.row(4), [[1.0; 24], [0.0; 24], [0.0; 24]].concat());
        let data = read(&directory, &ImageReading { color: Color::Grey, ..ImageReading::default() }).unwrap();
        assert_eq!(data.train.images.row(4), [0.299; 24]);
        assert_eq!(data.notes, ["1 of 5 pictures stored in colour, read as grey: dog/3.png"]);
    }

    #[test]
    fn transparency_is_laid_on_black_or_white_or_left_out() {
        let directory = good();
        write(&directory, "dog/3.png", &file(RgbaImage::from_pixel(6, 4, Rgba([255, 0, 0, 51])), ImageFormat::Png));
        for (alpha, expected, says) in [
            (Alpha::Black, [0.2, 0.0, 0.0], "laid on black"),
            (Alpha::White, [1.0, 0.8, 0.8], "laid on white"),
            (Alpha::Drop, [1.0, 0.0, 0.0], "read without it"),
        ] {
            let reading = ImageReading { alpha, ..ImageReading::default() };
            let data = read(&directory, &reading).unwrap();
            let row = data.train.images.row(4);
            assert!([row[0], row[24], row[48]].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{row:?}");
            assert!(data.notes[1].ends_with(&format!("with transparency, {says}: dog/3.png")), "{:?}", data.notes);
            let again = read_images(&at(&directory, "dog/3.png"), &reading.fixed([3, 4, 6])).unwrap();
            assert_eq!(again[0].1.as_ref().unwrap().values(), row); // the same at prediction
        }
    }

    #[test]
    fn pictures_to_predict_are_read_by_name_and_bad_ones_say_why() {
        let directory = good();
        write(&directory, "cat/bad.png", b"");
        write(&directory, "cat/words.txt", b"words");
        let reading = ImageReading::default().fixed([3, 2, 2]);
        let read = read_images(directory.path(), &reading).unwrap();
        let names: Vec<&str> = read.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, ["cat/1.png", "cat/2.png", "cat/bad.png", "dog/1.png", "dog/2.png"]);
        assert_eq!(read[0].1.as_ref().unwrap().shape(), [3, 2, 2]);
        assert_eq!(read[2].1.as_ref().unwrap_err(), "empty");
        let path = at(&directory, "cat/words.txt");
        let read = read_images(&path, &reading).unwrap();
        assert_eq!(
            (&read[0].0, read[0].1.as_ref().unwrap_err()),
            (&path.display().to_string(), &"neither PNG nor JPEG".to_string())
        );
        let empty = TempDir::new().unwrap();
        assert_eq!(refused(read_images(empty.path(), &reading), &empty), "DIR: no pictures here");
        assert!(read_images(&at(&empty, "nowhere.png"), &reading).is_err());
    }
}
