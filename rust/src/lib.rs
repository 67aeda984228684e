//! The part of hob that is written in Rust: chat templates, constrained decoding and HTML, behind the C interface of
//! include/hob_rust.h.
//!
//! This file is the border: pointers in, owned texts out, panics stopped. What templates mean is in `template`, what
//! constraints mean in `constraint`, how a page is read in `page`, what stays of it in `html`.

mod constraint;
mod formats;
mod gbnf;
mod html;
mod json;
mod page;
mod pattern;
mod python;
mod schema;
mod template;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

use constraint::{Constraint, Kind, TokenTable, Tokenize, Tokenizer};
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

/// A template may nest expressions as deeply as it is long, and values as deeply as its fuel lasts, and so may schemas and
/// grammars; all are walked by recursion. This is address space: only what is walked is ever memory.
const STACK_BYTES: usize = 512 << 20;

/// Runs `work` on a stack of its own; a panic becomes an error, and nothing is printed about it.
fn contained<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let failed = |_| Err("it failed in a way that it should not (a bug)".into());
    std::thread::scope(|scope| {
        let work = || catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(failed);
        match std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
        {
            Ok(thread) => thread.join().unwrap_or_else(failed),
            Err(e) => Err(format!("no thread to work on it: {e}")),
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
    boxed(compiled, error)
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

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_html_strip(
    html: *const u8,
    html_size: usize,
    options: *const u8,
    options_size: usize,
    out: *mut HobText,
) -> bool {
    let page = if html_size == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(html, html_size)
    };
    let stripped = text(options, options_size, "an option")
        .and_then(|options| contained(|| html::strip(page, options)));
    let ok = stripped.is_ok();
    out.write(stripped.unwrap_or_else(|message| message).into());
    ok
}

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_token_table_new(
    bytes: *const u8,
    ends: *const u32,
    count: usize,
    end_tokens: *const u32,
    end_token_count: usize,
    tokenize: Tokenize,
    context: *mut std::ffi::c_void,
    error: *mut HobText,
) -> *mut TokenTable {
    let ends = std::slice::from_raw_parts(ends, count);
    let mut begin = 0;
    let tokens: Vec<Vec<u8>> = ends
        .iter()
        .map(|&end| {
            let size = end as usize - begin;
            let token = std::slice::from_raw_parts(bytes.add(begin), size).to_vec();
            begin = end as usize;
            token
        })
        .collect();
    let end_tokens = std::slice::from_raw_parts(end_tokens, end_token_count);
    let tokenizer = Tokenizer {
        tokenize,
        context: context as usize,
    };
    boxed(
        contained(|| TokenTable::new(tokens, end_tokens, tokenizer)),
        error,
    )
}

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_token_table_free(table: *mut TokenTable) {
    if !table.is_null() {
        drop(Box::from_raw(table));
    }
}

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_constraint_compile(
    table: *const TokenTable,
    kind: Kind,
    source: *const u8,
    source_size: usize,
    error: *mut HobText,
) -> *mut Constraint {
    let table = &*table;
    let compiled = text(source, source_size, "it")
        .and_then(|source| contained(|| Constraint::compile(table, kind, source)));
    boxed(compiled, error)
}

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_constraint_free(constraint: *mut Constraint) {
    if !constraint.is_null() {
        drop(Box::from_raw(constraint));
    }
}

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_constraint_mask(
    constraint: *mut Constraint,
    bits: *mut u32,
    words: usize,
    error: *mut HobText,
) -> bool {
    let bits = std::slice::from_raw_parts_mut(bits, words);
    done((*constraint).mask(bits), error)
}

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_constraint_accept(
    constraint: *mut Constraint,
    token: u32,
    error: *mut HobText,
) -> bool {
    done((*constraint).accept(token), error)
}

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_constraint_may_end(constraint: *mut Constraint) -> bool {
    (*constraint).may_end().unwrap_or(false)
}

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn hob_constraint_must_end(constraint: *const Constraint) -> bool {
    (*constraint).must_end()
}

/// The made thing for the caller to own, or null and the error.
unsafe fn boxed<T>(made: Result<T, String>, error: *mut HobText) -> *mut T {
    match made {
        Ok(made) => Box::into_raw(Box::new(made)),
        Err(message) => {
            error.write(message.into());
            std::ptr::null_mut()
        }
    }
}

unsafe fn done(result: Result<(), String>, error: *mut HobText) -> bool {
    let ok = result.is_ok();
    if let Err(message) = result {
        error.write(message.into());
    }
    ok
}
