// Which file answers for a path, or to which path the client is sent: HTML files answer at names without ".html" and
// "index.html" at its folder, in the way a version asks for.
//
// Threads: pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "assets/file_table.h"

namespace weir::assets {

enum class HtmlHandling : uint8_t {
  kAutoTrailingSlash,   // /a for a.html, /a/ for a/index.html
  kForceTrailingSlash,  // /a/ for both
  kDropTrailingSlash,   // /a for both
  kNone,                // files at their own paths
};

enum class NotFoundHandling : uint8_t {
  kNone,
  k404Page,                // the nearest 404.html, with status 404
  kSinglePageApplication,  // /index.html
};

std::optional<HtmlHandling> parseHtmlHandling(std::string_view text);
std::optional<NotFoundHandling> parseNotFoundHandling(std::string_view text);

struct Resolution {
  enum class Kind : uint8_t { kNothing, kFile, kRedirect };
  Kind kind = Kind::kNothing;
  std::optional<File> file;  // kFile
  uint16_t status = 200;     // kFile: 200, or 404 for a page that says so
  std::string redirect;      // kRedirect: a path as a file's
};

// `path` as decodePath gives it.
Resolution resolve(const FileTable& files, std::string_view path, HtmlHandling html, NotFoundHandling notFound);

}  // namespace weir::assets
