//! What layers with one rate have in common.

/// Writes a layer whose only setting is a rate: its config, the module, its constructors and how it is shown, which is how a checkpoint
/// knows a network again. The docs given are the module's; `forward` is written beside it.
macro_rules! rate_layer {
    ($(#[$doc:meta])* $name:ident, $config:ident) => {
        #[doc = concat!("Configuration of [`", stringify!($name), "`].")]
        #[derive(burn::config::Config, Debug)]
        pub struct $config {
            #[doc = concat!(
                "The probability of dropping, in `[0, 1)`; checked by [`", stringify!($config), "::init`] and by [`Rate::new`]."
            )]
            pub rate: f64,
        }

        $(#[$doc])*
        #[derive(burn::module::Module, Debug)]
        #[module(custom_display)]
        pub struct $name {
            #[module(skip)]
            rate: Rate,
        }

        impl $config {
            /// The layer.
            ///
            /// # Panics
            #[doc = concat!(
                "If the rate is not in `[0, 1)`. For numbers from a user: [`Rate::new`], then [`", stringify!($name), "::new`]."
            )]
            pub fn init(&self) -> $name {
                $name::new(Rate::new(self.rate).unwrap_or_else(|error| panic!("{error}")))
            }
        }

        impl $name {
            /// A layer that drops with a rate that was checked before.
            pub fn new(rate: Rate) -> Self {
                Self { rate }
            }

            /// The probability of dropping.
            pub fn rate(&self) -> Rate {
                self.rate
            }
        }

        impl burn::module::ModuleDisplay for $name {
            fn custom_settings(&self) -> Option<burn::module::DisplaySettings> {
                burn::module::DisplaySettings::new().with_new_line_after_attribute(false).optional()
            }

            fn custom_content(&self, content: burn::module::Content) -> Option<burn::module::Content> {
                content.add("rate", &self.rate.get()).optional()
            }
        }
    };
}

pub(super) use rate_layer;
