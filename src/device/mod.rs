//! Which of Burn's backends runs a model: a name that is read once.

#[cfg(feature = "wgpu")]
mod adapters;
mod canary;

#[cfg(feature = "wgpu")]
pub use adapters::{AdapterInfo, adapters};
pub use canary::{Check, check_device, device_faults};

use std::{fmt, str::FromStr};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A device by name: `ndarray`, `flex`, `wgpu`, `wgpu:discrete:0`, `wgpu:software`, `vulkan`, `metal`, `webgpu`, `cuda:1`, `rocm`, `cpu`.
///
/// # Examples
/// ```
/// use burn_zoo::DeviceSpec;
///
/// let spec: DeviceSpec = "wgpu:discrete:1".parse()?;
/// assert_eq!(spec.to_string(), "wgpu:discrete:1");
/// # #[cfg(feature = "flex")]
/// let device = DeviceSpec::Flex.init()?;
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceSpec {
    /// `burn-ndarray`: the CPU, everywhere. Deprecated upstream in favour of `flex`.
    NdArray,
    /// `burn-flex`: the CPU.
    Flex,
    /// `burn-wgpu`, whichever graphics API it finds.
    Wgpu(Adapter),
    /// `burn-wgpu` over Vulkan.
    Vulkan(Adapter),
    /// `burn-wgpu` over Metal.
    Metal(Adapter),
    /// `burn-wgpu` over WebGPU.
    WebGpu(Adapter),
    /// An NVIDIA GPU, by index.
    Cuda(usize),
    /// An AMD GPU, by index.
    Rocm(usize),
    /// CubeCL's CPU run-time.
    Cpu,
}

/// Which of wgpu's adapters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Adapter {
    /// The one that wgpu thinks fastest.
    #[default]
    Default,
    /// The n-th discrete GPU.
    Discrete(usize),
    /// The n-th integrated GPU.
    Integrated(usize),
    /// The n-th virtual GPU.
    Virtual(usize),
    /// A software rasteriser: for tests, not for speed.
    Software,
}

impl DeviceSpec {
    /// The devices by name, with the feature of this crate that compiles them in, and whether it did.
    pub const FEATURES: [(&'static str, &'static str, bool); 9] = [
        ("ndarray", "ndarray", cfg!(feature = "ndarray")),
        ("flex", "flex", cfg!(feature = "flex")),
        ("wgpu", "wgpu", cfg!(feature = "wgpu")),
        ("vulkan", "vulkan", cfg!(feature = "vulkan")),
        ("metal", "metal", cfg!(feature = "metal")),
        ("webgpu", "webgpu", cfg!(feature = "webgpu")),
        ("cuda", "cuda", cfg!(feature = "cuda")),
        ("rocm", "rocm", cfg!(feature = "rocm")),
        ("cpu", "cpu", cfg!(feature = "cpu")),
    ];

    /// The first of flex, ndarray that is compiled in; flex if neither is.
    pub const fn default_spec() -> Self {
        match cfg!(feature = "ndarray") && !cfg!(feature = "flex") {
            true => Self::NdArray,
            false => Self::Flex,
        }
    }

    /// The device that the program was told: by `--device NAME` or `--device=NAME` among its arguments, else by the variable `BURN_ZOO_DEVICE`, else
    /// [`default_spec`](Self::default_spec).
    ///
    /// # Errors
    /// [`Error::Unknown`] or [`Error::Device`] for a name that is none.
    pub fn from_args() -> Result<Self> {
        let args: Vec<String> = std::env::args().collect();
        let told = args.iter().enumerate().find_map(|(i, arg)| match arg.strip_prefix("--device")? {
            "" => Some(args.get(i + 1).cloned().unwrap_or_default()),
            value => value.strip_prefix('=').map(str::to_string),
        });
        match told.or_else(|| std::env::var("BURN_ZOO_DEVICE").ok()) {
            Some(name) => name.parse(),
            None => Ok(Self::default_spec()),
        }
    }

    /// Whether this build holds the backend.
    pub fn is_compiled_in(&self) -> bool {
        self.feature().1
    }

    fn feature(&self) -> (&'static str, bool) {
        let name = match self {
            Self::NdArray => "ndarray",
            Self::Flex => "flex",
            Self::Wgpu(_) => "wgpu",
            Self::Vulkan(_) => "vulkan",
            Self::Metal(_) => "metal",
            Self::WebGpu(_) => "webgpu",
            Self::Cuda(_) => "cuda",
            Self::Rocm(_) => "rocm",
            Self::Cpu => "cpu",
        };
        let found = Self::FEATURES.iter().find(|(device, ..)| *device == name);
        found.map(|&(_, feature, compiled)| (feature, compiled)).expect("every device has a feature")
    }

    /// The device.
    ///
    /// # Errors
    /// [`Error::Device`] if this build does not hold the backend, or the machine not the adapter, with what to do about it.
    pub fn init(&self) -> Result<Device> {
        let (feature, compiled) = self.feature();
        if !compiled {
            return Err(self.error(format!("not compiled in: build with `--features {feature}`")));
        }
        match *self {
            #[cfg(feature = "ndarray")]
            Self::NdArray => Ok(ndarray()),
            #[cfg(feature = "flex")]
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(adapter) => self.wgpu(adapter, burn::tensor::wgpu::WgpuBackend::Auto),
            #[cfg(feature = "vulkan")]
            Self::Vulkan(adapter) => self.wgpu(adapter, burn::tensor::wgpu::WgpuBackend::Vulkan),
            #[cfg(feature = "metal")]
            Self::Metal(adapter) => self.wgpu(adapter, burn::tensor::wgpu::WgpuBackend::Metal),
            #[cfg(feature = "webgpu")]
            Self::WebGpu(adapter) => self.wgpu(adapter, burn::tensor::wgpu::WgpuBackend::WebGpu),
            #[cfg(feature = "cuda")]
            Self::Cuda(index) => self.counted(index, burn::tensor::DeviceType::Cuda, Device::cuda),
            #[cfg(feature = "rocm")]
            Self::Rocm(index) => self.counted(index, burn::tensor::DeviceType::Rocm, Device::rocm),
            #[cfg(feature = "cpu")]
            Self::Cpu => Ok(Device::cpu()),
            #[allow(unreachable_patterns)] // reachable in builds that lack a backend
            _ => unreachable!("the feature was looked at"),
        }
    }

    /// Looks before it leaps: Burn's device panics at first use where there is no adapter, and can be initialised once only.
    #[cfg(feature = "wgpu")]
    fn wgpu(&self, adapter: Adapter, api: burn::tensor::wgpu::WgpuBackend) -> Result<Device> {
        use std::{collections::HashMap, sync::Mutex};
        static READY: Mutex<Option<HashMap<DeviceSpec, Device>>> = Mutex::new(None);

        let kind = match adapter {
            Adapter::Default => burn::tensor::DeviceKind::DefaultDevice,
            Adapter::Discrete(index) => burn::tensor::DeviceKind::DiscreteGpu(index),
            Adapter::Integrated(index) => burn::tensor::DeviceKind::IntegratedGpu(index),
            Adapter::Virtual(index) => burn::tensor::DeviceKind::VirtualGpu(index),
            Adapter::Software => burn::tensor::DeviceKind::Cpu,
        };
        let mut ready = READY.lock().expect("no thread panics while it initialises a device");
        let ready = ready.get_or_insert_default();
        if let Some(device) = ready.get(self) {
            return Ok(device.clone());
        }
        let device = Device::wgpu_options().device_kind(kind).graphics_api(api).init();
        let device = device.map_err(|error| self.error(without(adapter, &adapters::adapters(), &error.to_string())))?;
        ready.insert(*self, device.clone());
        Ok(device)
    }

    #[cfg(any(feature = "cuda", feature = "rocm"))]
    fn counted(&self, index: usize, kind: burn::tensor::DeviceType, device: fn(usize) -> Device) -> Result<Device> {
        let found = Device::enumerate(kind).into_vec().len();
        match index < found {
            true => Ok(device(index)),
            false => Err(self.error(format!("found {found} such devices: choose another (`burn-zoo devices`)"))),
        }
    }

    fn error(&self, reason: impl Into<String>) -> Error {
        Error::Device { device: self.to_string(), reason: reason.into() }
    }
}

/// Burn marks `ndarray` deprecated in favour of `flex`. It is a supported backend here: the one that always works.
#[cfg(feature = "ndarray")]
#[allow(deprecated)]
fn ndarray() -> Device {
    Device::ndarray()
}

impl fmt::Display for DeviceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = self.feature();
        match *self {
            Self::NdArray | Self::Flex | Self::Cpu | Self::Cuda(0) | Self::Rocm(0) => f.write_str(name),
            Self::Cuda(index) | Self::Rocm(index) => write!(f, "{name}:{index}"),
            Self::Wgpu(adapter) | Self::Vulkan(adapter) | Self::Metal(adapter) | Self::WebGpu(adapter) => match adapter
            {
                Adapter::Default => f.write_str(name),
                Adapter::Discrete(index) => write!(f, "{name}:discrete:{index}"),
                Adapter::Integrated(index) => write!(f, "{name}:integrated:{index}"),
                Adapter::Virtual(index) => write!(f, "{name}:virtual:{index}"),
                Adapter::Software => write!(f, "{name}:software"),
            },
        }
    }
}

impl FromStr for DeviceSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, rest) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let bad = |expected: &str| Error::Device { device: text.to_string(), reason: format!("expected {expected}") };
        let index = |rest: Option<&str>| match rest {
            None => Ok(0),
            Some(index) => index.parse().map_err(|_| bad(&format!("`{name}` or `{name}:N`"))),
        };
        let adapter = || {
            adapter(rest).ok_or_else(|| {
                bad(&format!("`{name}`, `{name}:software`, or `{name}:discrete:N`, `:integrated:N`, `:virtual:N`"))
            })
        };
        match name {
            "ndarray" | "flex" | "cpu" if rest.is_some() => Err(bad(&format!("`{name}` alone: there is one"))),
            "ndarray" => Ok(Self::NdArray),
            "flex" => Ok(Self::Flex),
            "cpu" => Ok(Self::Cpu),
            "wgpu" => Ok(Self::Wgpu(adapter()?)),
            "vulkan" => Ok(Self::Vulkan(adapter()?)),
            "metal" => Ok(Self::Metal(adapter()?)),
            "webgpu" => Ok(Self::WebGpu(adapter()?)),
            "cuda" => Ok(Self::Cuda(index(rest)?)),
            "rocm" => Ok(Self::Rocm(index(rest)?)),
            _ => Err(Error::unknown("device", name, Self::FEATURES.map(|(name, ..)| name))),
        }
    }
}

/// Why an adapter cannot be had, where `found` are those that can.
#[cfg(feature = "wgpu")]
fn without(adapter: Adapter, found: &[AdapterInfo], error: &str) -> String {
    let choose = "choose another device (`burn-zoo devices`)";
    let named = |AdapterInfo { device, name, api, .. }: &AdapterInfo| Some(format!("`{}` ({name}, {api})", (*device)?));
    let named: Vec<String> = found.iter().filter_map(named).collect();
    let is_there =
        adapter == Adapter::Default || found.iter().any(|info| info.device == Some(DeviceSpec::Wgpu(adapter)));
    match &named[..] {
        [] => format!(
            "no adapter: install a driver (Debian: `apt install mesa-vulkan-drivers libvulkan1` for software Vulkan), or {choose}"
        ),
        some if !is_there => format!("no such adapter: there is {}; {choose}", some.join(", ")),
        _ => format!("{}; {choose}", error.replace('\n', " ")),
    }
}

fn adapter(text: Option<&str>) -> Option<Adapter> {
    let Some(text) = text else { return Some(Adapter::Default) };
    match text.split_once(':') {
        None if text == "software" => Some(Adapter::Software),
        Some(("discrete", index)) => Some(Adapter::Discrete(index.parse().ok()?)),
        Some(("integrated", index)) => Some(Adapter::Integrated(index.parse().ok()?)),
        Some(("virtual", index)) => Some(Adapter::Virtual(index.parse().ok()?)),
        _ => None,
    }
}

impl TryFrom<String> for DeviceSpec {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<DeviceSpec> for String {
    fn from(spec: DeviceSpec) -> Self {
        spec.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_printed_as_it_is_read() {
        for name in "ndarray flex wgpu wgpu:discrete:0 wgpu:software vulkan:integrated:2 metal webgpu:virtual:1 cuda cuda:1 rocm cpu".split(' ') {
            assert_eq!(name.parse::<DeviceSpec>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn a_wrong_name_says_what_was_expected() {
        for (name, says) in [
            ("flxe", "unknown device `flxe`: did you mean `flex`?"),
            ("flex:1", "device `flex:1`: expected `flex` alone: there is one"),
            ("cuda:x", "device `cuda:x`: expected `cuda` or `cuda:N`"),
            (
                "wgpu:fast",
                "device `wgpu:fast`: expected `wgpu`, `wgpu:software`, or `wgpu:discrete:N`, `:integrated:N`, `:virtual:N`",
            ),
        ] {
            assert_eq!(name.parse::<DeviceSpec>().unwrap_err().to_string(), says);
        }
    }

    #[test]
    fn every_device_that_is_compiled_in_is_there_or_says_why_not() {
        for (name, feature, compiled) in DeviceSpec::FEATURES {
            match name.parse::<DeviceSpec>().unwrap().init() {
                Ok(_) => assert!(compiled),
                Err(error) if compiled => {
                    assert!(error.to_string().contains("adapter") || error.to_string().contains("found 0"))
                }
                Err(error) => assert!(error.to_string().contains(&format!("--features {feature}")), "{error}"),
            }
        }
    }
}
