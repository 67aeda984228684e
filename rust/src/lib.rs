//! The part of hob that is written in Rust: chat templates, behind the C interface of include/hob_rust.h.
//!
//! This file is the border: pointers in, owned texts out, panics stopped. What templates mean is in `template`.

mod json;
mod python;
mod template;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

use template::{Limits, StrftimeNow, Template};

#[repr(C)]
pub struct HobText {
    data: *mut u8,
    size: usize,
}

impl From<String> for HobText {
    fn from(text: String) -> HobText {
        let bytes = text.into_bytes().into_boxed_slice();
        let size = bytes.len();
        HobText {
            data: Box::into_raw(bytes).cast(),
            size,
        }
    }
}

#[repr(C)]
pub struct HobRenderLimits {
    fuel: u64,
    output_bytes: usize,
}

/// The text at `data`, which a C caller may give as (null, 0).
///
/// # Safety
/// `data` must be readable for `size` bytes for as long as the result is used.
unsafe fn text<'a>(data: *const u8, size: usize, what: &str) -> Result<&'a str, String> {
    let bytes = if size == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(data, size)
    };
    std::str::from_utf8(bytes)
        .map_err(|e| format!("{what} is not UTF-8 at byte {}", e.valid_up_to()))
}

/// Runs `work`; a panic becomes an error, and nothing is printed about it.
fn without_panics<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("the template engine failed".into()))
}

/// # Safety
/// `text` must come from this library and must not have been freed.
#[no_mangle]
pub unsafe extern "C" fn hob_text_free(text: HobText) {
    if !text.data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(
            text.data, text.size,
        )));
    }
}

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_template_compile(
    source: *const u8,
    source_size: usize,
    error: *mut HobText,
) -> *mut Template {
    match without_panics(|| Template::compile(text(source, source_size, "the template")?)) {
        Ok(compiled) => Box::into_raw(Box::new(compiled)),
        Err(message) => {
            error.write(message.into());
            std::ptr::null_mut()
        }
    }
}

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_template_free(compiled: *mut Template) {
    if !compiled.is_null() {
        drop(Box::from_raw(compiled));
    }
}

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_template_render(
    compiled: *const Template,
    variables: *const u8,
    variables_size: usize,
    limits: HobRenderLimits,
    strftime_now: StrftimeNow,
    context: *mut std::ffi::c_void,
    out: *mut HobText,
) -> bool {
    let limits = Limits {
        fuel: limits.fuel,
        output_bytes: limits.output_bytes,
    };
    let rendered = without_panics(|| {
        let variables = text(variables, variables_size, "the variables")?;
        (*compiled).render(variables, &limits, strftime_now, context)
    });
    let ok = rendered.is_ok();
    out.write(rendered.unwrap_or_else(|message| message).into());
    ok
}
