//! The part of hob that is written in Rust: chat templates, behind the C interface of include/hob_rust.h.
//!
//! This file is the border: pointers in, owned texts out, panics stopped. What templates mean is in `template`.

mod json;
mod python;
mod template;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

use template::{Clock, Limits, StrftimeNow, Template};

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

/// A template may nest expressions as deeply as it is long, and values as deeply as its fuel lasts; the engine walks both
/// by recursion. This is address space: only what is walked is ever memory.
const STACK_BYTES: usize = 512 << 20;

/// Runs `work` on a stack of its own; a panic becomes an error, and nothing is printed about it.
fn contained<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let failed = |_| Err("the template engine failed".into());
    std::thread::scope(|scope| {
        let work = || catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(failed);
        match std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
        {
            Ok(thread) => thread.join().unwrap_or_else(failed),
            Err(e) => Err(format!("no thread for the template engine: {e}")),
        }
    })
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
    let compiled = text(source, source_size, "the template")
        .and_then(|source| contained(|| Template::compile(source)));
    match compiled {
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
    let compiled = &*compiled;
    let clock = Clock {
        strftime_now,
        context: context as usize,
    };
    let rendered = text(variables, variables_size, "the variables")
        .and_then(|variables| contained(|| compiled.render(variables, &limits, clock)));
    let ok = rendered.is_ok();
    out.write(rendered.unwrap_or_else(|message| message).into());
    ok
}
