// A conversation as one HTML page that needs nothing else: no script, no font, nothing fetched.
//
// Every text is untrusted. Markdown is rendered by md4c with raw HTML off, all text is escaped, a
// link goes to http, https or mailto or is shown as text, an image in a reply is shown as a link,
// and control and bidirectional characters are made visible. A content security policy forbids
// scripts and connections in case any of this fails.
#pragma once

#include <string>
#include <string_view>

#include "logs/transcript.h"

namespace hob::logs {

std::string html_page(const Transcript& transcript);

// Whether the page shows the attachment itself: a raster image whose bytes are stored.
bool is_shown_image(const store::LoggedAttachment& attachment);

// Markdown as the inside of a page's element.
std::string html_of_markdown(std::string_view markdown);
// Text as the inside of an element or a quoted attribute.
std::string html_escaped(std::string_view text);

}  // namespace hob::logs
