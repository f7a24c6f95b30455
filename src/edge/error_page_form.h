// Which form of an error page a client wants.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::edge {

enum class PageForm : uint8_t { kHtml, kPlainText, kJson, kProblemJson, kMarkdown };

// `accept` and `userAgent` are the client's headers, several Accept lines joined by ", ", empty when absent. Any bytes.
//
// Accept decides, highest q first and the first listed among equals: application/json, application/problem+json,
// text/markdown and text/* (both Markdown), text/html, text/plain. When what wins is */* or nothing at all, programs
// that are no browser and offer no compression get plain text, everyone else HTML.
PageForm chooseForm(std::string_view accept, std::string_view userAgent, bool offersCompression);

// Whether an Accept-Encoding, empty when absent, takes anything but a body as it is. Any bytes.
bool offersCompression(std::string_view acceptEncoding);

}  // namespace weir::edge
