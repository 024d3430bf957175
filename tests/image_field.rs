//! The field cases D08 and D09, and the real MNIST and Fashion-MNIST. They are read in and beside `$BURN_ZOO_DATA`; if that is not set, each says that it was skipped.
#![cfg(feature = "images")]

use std::{
    env,
    path::{Path, PathBuf},
};

use burn_zoo::data::image::{
    Alpha, BadFiles, ImageData, ImageReading, ImageSource, Images, Normalisation, TestPart, read_idx, read_images,
};

/// A folder below `$BURN_ZOO_DATA`, which must be there; none, with a note, if the variable is not set.
fn data(folder: &str) -> Option<PathBuf> {
    let Some(data) = env::var_os("BURN_ZOO_DATA") else {
        eprintln!("skipped: BURN_ZOO_DATA is not set");
        return None;
    };
    let path = PathBuf::from(data).join(folder);
    assert!(path.is_dir(), "{}: not there, and BURN_ZOO_DATA is set", path.display());
    Some(path)
}

fn picture(path: &Path, reading: &ImageReading) -> Result<Images, String> {
    let mut read = read_images(path, reading).unwrap();
    assert_eq!(read.len(), 1);
    read.remove(0).1
}

fn means(images: &Images) -> Vec<f64> {
    let [_, height, width] = images.shape();
    let planes = images.values().chunks(height * width);
    planes.map(|plane| plane.iter().map(|&value| f64::from(value)).sum::<f64>() / plane.len() as f64).collect()
}

#[track_caller]
fn assert_means(found: &[f64], expected: &[f64], what: &str) {
    let near = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.004);
    assert!(near, "{what}: {found:?}, expected {expected:?}");
}

#[test]
fn d08_every_kind_of_png_has_its_values() {
    let Some(folder) = data("../field/D08/decode") else { return };
    // Without alpha, which the third column has.
    let drop = ImageReading { alpha: Alpha::Drop, ..ImageReading::default() };
    for (name, side, colors, opaque) in [
        ("basn0g01", 32, &[0.4883][..], None),
        ("basn0g16", 32, &[0.5641], None),
        ("basn2c16", 32, &[0.5, 0.5, 0.1717], None),
        ("basn3p04", 32, &[0.2729, 0.7021, 0.5375], None),
        ("basn4a16", 32, &[0.4953], Some(0.3125)),
        ("basn6a08", 32, &[0.3947, 0.75, 0.3714], Some(0.4982)),
        ("tbbn3p08", 32, &[0.6554, 0.6838, 0.664], Some(0.5566)),
        ("tp1n3p08", 32, &[0.6554, 0.6838, 0.664], Some(0.5566)),
        ("s33n3p04", 33, &[0.399, 0.462, 0.3988], None),
        ("s09n3p02", 9, &[0.4938, 0.5918, 0.2963], None),
    ] {
        let path = folder.join(format!("{name}.png"));
        let read = |alpha| picture(&path, &ImageReading { alpha, ..ImageReading::default() }).unwrap();
        let dropped = picture(&path, &drop).unwrap();
        assert_eq!(dropped.shape(), [colors.len(), side, side], "{name}");
        assert_means(&means(&dropped), colors, name);
        // White shows through where black does not: the difference is what is transparent.
        let (white, black) = (means(&read(Alpha::White)), means(&read(Alpha::Black)));
        let through: Vec<f64> = white.iter().zip(&black).map(|(white, black)| white - black).collect();
        assert_means(&through, &vec![1.0 - opaque.unwrap_or(1.0); colors.len()], name);
    }
}

#[test]
fn d08_the_three_orientations_are_one_picture() {
    let Some(folder) = data("../field/D08/exif") else { return };
    let read = |name: &str| picture(&folder.join(name), &ImageReading::default()).unwrap();
    let upright = read("upright.jpg");
    let [channels, height, width] = upright.shape();
    assert_eq!([height, width], [40, 24]); // 24 wide, 40 high
    for name in ["upright.jpg", "orientation-1.jpg", "orientation-6.jpg"] {
        let read = read(name);
        assert_eq!(read.shape(), upright.shape(), "{name}");
        let far = read.values().iter().zip(upright.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 0.06, "{name}: {far}"); // its blocks are cut otherwise
        for (top, left, expected) in [(0, 0, 242.0), (0, 12, 153.0), (20, 0, 89.0), (20, 12, 26.0)] {
            let quadrant = (0..channels).flat_map(|channel| (0..240).map(move |i| (channel, i / 12, i % 12)));
            let values = quadrant.map(|(channel, y, x)| read.values()[(channel * 40 + top + y) * 24 + left + x]);
            let mean = values.sum::<f32>() / (240 * channels) as f32 * 255.0;
            assert!((mean - expected).abs() < 3.0, "{name}: {mean}, expected {expected}");
        }
    }
    // And it is said: here with all of D08 as three classes.
    let reading = ImageReading { bad_files: BadFiles::Skip, ..ImageReading::default() };
    let data = ImageSource::Folder(folder.join("..")).read(&reading).unwrap();
    let says = "1 of 28 pictures turned upright, as their EXIF orientation says: exif/orientation-6.jpg";
    assert_eq!(data.notes.last().unwrap(), says);
}

#[test]
fn d08_all_bad_files_are_named_before_anything_trains() {
    let Some(folder) = data("../field/D08/train") else { return };
    let error = ImageSource::Folder(folder.clone()).read(&ImageReading::default()).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}: 4 files of 19 cannot be read (bad_files = skip leaves such files out): disc/empty.png: empty; \
             disc/page.jpg: looks like a web page: download the file itself; disc/truncated.jpg: cut off before its end; \
             disc/truncated.png: cut off before its end",
            folder.display()
        )
    );
}

#[test]
fn d08_bad_files_are_left_out_by_option_and_counted() {
    let Some(folder) = data("../field/D08/train") else { return };
    let reading = ImageReading { bad_files: BadFiles::Skip, ..ImageReading::default() };
    let data = ImageSource::Folder(folder.clone()).read(&reading).unwrap();
    assert_eq!(data.classes, ["cross", "disc"]); // not three, not four
    let of = |class: usize| data.train.labels.iter().filter(|&&label| label == class).count();
    assert_eq!((of(0), of(1)), (8, 7)); // the nested one counts
    assert_eq!(data.train.images.shape(), [3, 24, 24]);
    assert_eq!((&data.train.names[0][..], &data.train.names[14][..]), ("cross/01.png", "disc/more/07.png"));
    assert!(data.test.is_none());
    assert_eq!(
        data.notes,
        [
            "1 picture in folders inside of a class's folder count to the class: disc/more/07.png",
            "1 file left out, neither PNG nor JPEG by name and contents: notes.txt",
            "4 files of 19 cannot be read and are left out: disc/empty.png: empty; disc/page.jpg: looks like a web page: \
             download the file itself; disc/truncated.jpg: cut off before its end; disc/truncated.png: cut off before its end",
            "1 of 15 pictures scaled to 24 x 24 (height x width), proportions kept, black beside them: cross/07.jpeg",
            "3 of 15 pictures stored as grey, read as red, green and blue like the others: cross/02.PNG, cross/03.jpg, cross/06.png",
            "1 of 15 pictures with transparency, laid on black: cross/05.png",
        ]
    );
    // 16 bits are scaled, not clipped; the wide picture is not squeezed: 8 of 24 rows; what alpha hides is hidden.
    let mean = |row: usize| means(&data.train.images.select(&[row]));
    assert_means(&mean(5), &[0.5; 3], "06.png");
    let wide = data.train.images.row(6);
    assert!(wide.chunks(576).all(|plane| plane[..8 * 24].iter().chain(&plane[16 * 24..]).all(|&value| value == 0.0)));
    assert!(wide[8 * 24..16 * 24].iter().sum::<f32>() > 0.0);
    let dropped = ImageReading { alpha: Alpha::Drop, ..reading };
    let hidden = ImageSource::Folder(folder).read(&dropped).unwrap();
    assert!(mean(4)[0] < means(&hidden.train.images.select(&[4]))[0]);
}

#[test]
fn d08_a_picture_to_predict_is_read_as_those_that_trained() {
    let Some(folder) = data("../field/D08/train") else { return };
    let skip = ImageReading { bad_files: BadFiles::Skip, ..ImageReading::default() };
    let data = ImageSource::Folder(folder.clone()).read(&skip).unwrap();
    let reading = ImageReading::default().fixed(data.train.images.shape());
    for (row, name) in data.train.names.iter().enumerate() {
        let again = picture(&folder.join(name), &reading).unwrap();
        assert_eq!(again.values(), data.train.images.row(row), "{name}");
    }
    let all = read_images(&folder, &reading).unwrap();
    assert_eq!((all.len(), all.iter().filter(|(_, read)| read.is_err()).count()), (19, 4));
    assert_eq!(all[8].0, "disc/01.png");
}

fn d09(images: &str, labels: &str) -> Option<Result<(Images, Vec<usize>), String>> {
    let folder = data("../field/D09")?;
    let read = read_idx(&folder.join(images), &folder.join(labels));
    Some(read.map_err(|error| error.to_string().replace(&format!("{}/", folder.display()), "")))
}

#[test]
fn d09_every_good_pair_is_the_same_five_pictures() {
    for (images, labels) in [
        ("ok-images-idx3-ubyte", "ok-labels-idx1-ubyte"),
        ("ok-images-idx3-ubyte.gz", "ok-labels-idx1-ubyte.gz"),
        ("dotted/t10k-images.idx3-ubyte", "dotted/t10k-labels.idx1-ubyte"),
        ("raw-but-named-images-idx3-ubyte.gz", "ok-labels-idx1-ubyte"),
        ("gz-but-named-images-idx3-ubyte", "ok-labels-idx1-ubyte"),
    ] {
        let Some(read) = d09(images, labels) else { return };
        let (pictures, labels) = read.unwrap();
        assert_eq!((pictures.rows(), pictures.shape()), (5, [1, 6, 4]), "{images}");
        assert_eq!(labels, [3, 0, 9, 1, 3]);
        let levels: Vec<f64> = pictures.values().iter().map(|&value| f64::from(value) * 255.0).collect();
        assert!((levels.iter().sum::<f64>() / 120.0 - 126.1).abs() < 0.05);
        assert!(levels[..4].iter().zip([11.0, 48.0, 85.0, 122.0]).all(|(a, b)| (a - b).abs() < 1e-4));
    }
    let Some(folder) = data("../field/D09/dotted") else { return };
    let test = ImageSource::Mnist(folder).read_test(&ImageReading::default()).unwrap().pictures;
    assert_eq!(test.labels, [3, 0, 9, 1, 3]);
}

#[test]
fn d09_every_bad_file_says_what_it_is() {
    let ok = "ok-labels-idx1-ubyte";
    for (images, labels, says) in [
        ("html-images-idx3-ubyte.gz", ok, "html-images-idx3-ubyte.gz: looks like a web page: download the file itself"),
        ("truncated-images-idx3-ubyte", ok, "truncated-images-idx3-ubyte: 120 bytes of pixels expected, 110 found"),
        (
            "ok-images-idx3-ubyte",
            "four-labels-idx1-ubyte",
            "ok-images-idx3-ubyte: 5 images, 4 labels (in four-labels-idx1-ubyte)",
        ),
        (ok, ok, "ok-labels-idx1-ubyte: this is a label file, expected images"),
        (
            "ok-images-idx3-ubyte",
            "ok-images-idx3-ubyte",
            "ok-images-idx3-ubyte: this is an image file, expected labels",
        ),
        (
            "little-endian-images-idx3-ubyte",
            ok,
            "little-endian-images-idx3-ubyte: bad magic number 0x03080000: wrong byte order, the numbers of the header must be \
             big-endian",
        ),
    ] {
        let Some(read) = d09(images, labels) else { return };
        assert_eq!(read.unwrap_err(), says);
    }
}

fn check(data: ImageData, mean: f64, sd: f64, sha256: &str) {
    let test = data.test.unwrap();
    assert_eq!((data.train.images.rows(), test.images.rows()), (60_000, 10_000));
    assert_eq!((data.train.images.shape(), test.images.shape()), ([1, 28, 28], [1, 28, 28]));
    let scale = Normalisation::of(&data.train.images);
    assert!((scale.mean[0] - mean).abs() < 5e-5 && (scale.sd[0] - sd).abs() < 5e-5, "{scale:?}");
    assert_eq!(data.sha256, sha256); // of the unpacked files one after the other: zcat and sha256sum say the same
    assert!(data.notes.is_empty(), "{:?}", data.notes);
}

#[test]
fn mnist_has_its_pictures() {
    let Some(folder) = data("mnist") else { return };
    let data = ImageSource::Mnist(folder).read(&ImageReading::default()).unwrap();
    assert_eq!(data.train.labels[..5], [5, 0, 4, 1, 9]);
    check(data, 0.1307, 0.3081, "b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a");
}

#[test]
fn fashion_mnist_has_its_pictures_as_many_of_each_class() {
    let Some(folder) = data("fashion-mnist") else { return };
    let source = ImageSource::FashionMnist(folder);
    let data = source.read(&ImageReading::default()).unwrap();
    let of = |labels: &[usize], class: usize| labels.iter().filter(|&&label| label == class).count();
    assert!((0..10).all(|class| of(&data.train.labels, class) == 6000));
    let TestPart { classes, pictures: test, sha256, .. } = source.read_test(&ImageReading::default()).unwrap();
    assert!((0..10).all(|class| of(&test.labels, class) == 1000));
    assert_eq!(classes, data.classes);
    assert_eq!(Some(test), data.test);
    assert_eq!(sha256, "30214f3fe91405cb8ea60b11ecf0914a65dd6a6ca8e13c13a62eb434f2d9fe56");
    check(data, 0.2860, 0.3530, "14410854cf7a289477dcfc7df3f8ec24741e281cdcc425ede0d9a748ca630214");
}
