//! The adapters that wgpu finds on this machine.

use super::{Adapter, DeviceSpec};

/// An adapter of this machine, as wgpu sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterInfo {
    /// By which name it is chosen; none where wgpu prefers the adapters of another graphics API.
    pub device: Option<DeviceSpec>,
    /// What it calls itself.
    pub name: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// The graphics API, such as `Vulkan`.
    pub api: String,
}

impl AdapterInfo {
    /// Whether it computes on the CPU: right for tests, no measure of speed.
    pub fn is_software(&self) -> bool {
        self.kind == "software"
    }
}

/// All adapters, by graphics API. `wgpu` takes the first API that has a GPU, or else the first that has any adapter, and counts within it.
pub fn adapters() -> Vec<AdapterInfo> {
    let apis = [wgpu::Backend::Vulkan, wgpu::Backend::Metal, wgpu::Backend::Dx12, wgpu::Backend::Gl];
    let of_apis: Vec<(wgpu::Backend, Vec<wgpu::AdapterInfo>)> =
        apis.into_iter().map(|api| (api, of_api(api))).collect();
    let has_gpu = |(_, found): &&(_, Vec<wgpu::AdapterInfo>)| {
        found.iter().any(|adapter| adapter.device_type != wgpu::DeviceType::Cpu)
    };
    let chosen = of_apis.iter().find(has_gpu).or_else(|| of_apis.iter().find(|(_, found)| !found.is_empty()));
    let chosen = chosen.map(|(api, _)| *api);
    let mut all = Vec::new();
    for (api, found) in &of_apis {
        let mut counts = [0; 3];
        for adapter in found {
            let mut next = |kind: usize| {
                counts[kind] += 1;
                counts[kind] - 1
            };
            let (kind, device) = match adapter.device_type {
                wgpu::DeviceType::DiscreteGpu => ("discrete", Some(Adapter::Discrete(next(0)))),
                wgpu::DeviceType::IntegratedGpu => ("integrated", Some(Adapter::Integrated(next(1)))),
                wgpu::DeviceType::VirtualGpu => ("virtual", Some(Adapter::Virtual(next(2)))),
                wgpu::DeviceType::Cpu => ("software", Some(Adapter::Software)),
                wgpu::DeviceType::Other => ("other", None),
            };
            let device = device.filter(|_| Some(*api) == chosen).map(DeviceSpec::Wgpu);
            all.push(AdapterInfo { device, name: adapter.name.clone(), kind, api: format!("{api:?}") });
        }
    }
    all
}

fn of_api(api: wgpu::Backend) -> Vec<wgpu::AdapterInfo> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: api.into(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let found = futures_lite::future::block_on(instance.enumerate_adapters(api.into()));
    found.iter().map(wgpu::Adapter::get_info).collect()
}
