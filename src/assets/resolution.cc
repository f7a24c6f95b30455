#include "assets/resolution.h"

#include "assets/limits.h"

namespace weir::assets {

namespace {

using Kind = Resolution::Kind;

constexpr std::string_view kIndex = "/index";
constexpr std::string_view kIndexHtml = "/index.html";
constexpr std::string_view kHtml = ".html";

std::string join(std::string_view a, std::string_view b) { return std::string(a).append(b); }

std::string_view without(std::string_view path, std::string_view ending) {
  return path.substr(0, path.size() - ending.size());
}

struct Resolver {
  const FileTable& files;
  const HtmlHandling html;
  const NotFoundHandling notFound;

  static Resolution serve(const File& file, uint16_t status = 200) { return {Kind::kFile, file, status, {}}; }

  Resolution missing(std::string_view path) const {
    if (notFound == NotFoundHandling::kSinglePageApplication) {
      if (const auto file = files.find(kIndexHtml)) return serve(*file);
    } else if (notFound == NotFoundHandling::k404Page) {
      while (!path.empty()) {
        const size_t slash = path.rfind('/');
        path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
        if (path.size() > Limits::kPathBytesMax) continue;
        if (const auto file = files.find(join(path, "/404.html"))) return serve(*file, 404);
      }
    }
    return {};
  }

  // Sends the client from the name of `file` to `to`, if that is free and is where the same file is served.
  std::optional<Resolution> send(std::string_view file, std::string_view to, bool mayRedirect) const {
    if (!mayRedirect) return std::nullopt;
    const auto wanted = files.find(file);
    if (!wanted || files.find(to)) return std::nullopt;
    const Resolution there = find(to, false);
    if (there.kind != Kind::kFile || there.file->hash != wanted->hash) return std::nullopt;
    return Resolution{Kind::kRedirect, std::nullopt, 307, std::string(to)};
  }

  Resolution find(std::string_view path, bool mayRedirect) const {
    // Longer ones are nobody's; what is added to them below makes them only longer.
    if (path.size() > Limits::kPathBytesMax + kIndexHtml.size()) return missing(path);
    switch (html) {
      case HtmlHandling::kAutoTrailingSlash: return findAuto(path, mayRedirect);
      case HtmlHandling::kForceTrailingSlash: return findForced(path, mayRedirect);
      case HtmlHandling::kDropTrailingSlash: return findDropped(path, mayRedirect);
      case HtmlHandling::kNone: break;
    }
    const auto exact = files.find(path);
    return exact ? serve(*exact) : missing(path);
  }

  Resolution findAuto(std::string_view path, bool mayRedirect) const {
    const auto exact = files.find(path);
    if (path.ends_with(kIndex)) {
      if (exact) return serve(*exact);
      const auto folder = without(path, kIndex);
      if (auto to = send(join(path, kHtml), join(folder, "/"), mayRedirect)) return *to;
      if (auto to = send(join(folder, kHtml), folder, mayRedirect)) return *to;
    } else if (path.ends_with(kIndexHtml)) {
      const auto folder = without(path, kIndexHtml);
      if (auto to = send(path, join(folder, "/"), mayRedirect)) return *to;
      if (auto to = send(join(folder, kHtml), folder, mayRedirect)) return *to;
    } else if (path.ends_with('/')) {
      if (const auto index = files.find(join(path, kIndexHtml.substr(1)))) return serve(*index);
      const auto name = without(path, "/");
      if (auto to = send(join(name, kHtml), name, mayRedirect)) return *to;
    } else if (path.ends_with(kHtml)) {
      const auto name = without(path, kHtml);
      if (auto to = send(path, name, mayRedirect)) return *to;
      if (auto to = send(join(name, kIndexHtml), join(name, "/"), mayRedirect)) return *to;
    }
    if (exact) return serve(*exact);
    if (const auto page = files.find(join(path, kHtml))) return serve(*page);
    if (auto to = send(join(path, kIndexHtml), join(path, "/"), mayRedirect)) return *to;
    return missing(path);
  }

  Resolution findForced(std::string_view path, bool mayRedirect) const {
    const auto exact = files.find(path);
    if (path.ends_with(kIndex)) {
      if (exact) return serve(*exact);
      const auto folder = without(path, kIndex);
      if (auto to = send(join(path, kHtml), join(folder, "/"), mayRedirect)) return *to;
      if (auto to = send(join(folder, kHtml), join(folder, "/"), mayRedirect)) return *to;
    } else if (path.ends_with(kIndexHtml)) {
      const auto folder = without(path, kIndexHtml);
      if (auto to = send(path, join(folder, "/"), mayRedirect)) return *to;
      if (auto to = send(join(folder, kHtml), join(folder, "/"), mayRedirect)) return *to;
    } else if (path.ends_with('/')) {
      if (const auto index = files.find(join(path, kIndexHtml.substr(1)))) return serve(*index);
      if (const auto page = files.find(join(without(path, "/"), kHtml))) return serve(*page);
    } else if (path.ends_with(kHtml)) {
      const auto name = without(path, kHtml);
      if (auto to = send(path, join(name, "/"), mayRedirect)) return *to;
      // The folder's name is taken by another page.
      if (exact) return serve(*exact);
      if (auto to = send(join(name, kIndexHtml), join(name, "/"), mayRedirect)) return *to;
    }
    if (exact) return serve(*exact);
    if (auto to = send(join(path, kHtml), join(path, "/"), mayRedirect)) return *to;
    if (auto to = send(join(path, kIndexHtml), join(path, "/"), mayRedirect)) return *to;
    return missing(path);
  }

  Resolution findDropped(std::string_view path, bool mayRedirect) const {
    const auto exact = files.find(path);
    if (path.ends_with(kIndex)) {
      if (exact) return serve(*exact);
      const auto folder = without(path, kIndex);
      if (folder.empty()) {
        if (auto to = send(kIndexHtml, "/", mayRedirect)) return *to;
      } else {
        if (auto to = send(join(folder, kHtml), folder, mayRedirect)) return *to;
        if (auto to = send(join(path, kHtml), folder, mayRedirect)) return *to;
      }
    } else if (path.ends_with(kIndexHtml)) {
      const auto folder = without(path, kIndexHtml);
      if (folder.empty()) {
        if (auto to = send(kIndexHtml, "/", mayRedirect)) return *to;
      } else {
        if (auto to = send(path, folder, mayRedirect)) return *to;
        // The folder's name is taken by another page.
        if (exact) return serve(*exact);
        if (auto to = send(join(folder, kHtml), folder, mayRedirect)) return *to;
      }
    } else if (path == "/") {
      if (const auto index = files.find(kIndexHtml)) return serve(*index);
    } else if (path.ends_with('/')) {
      const auto name = without(path, "/");
      if (auto to = send(join(name, kHtml), name, mayRedirect)) return *to;
      if (auto to = send(join(name, kIndexHtml), name, mayRedirect)) return *to;
    } else if (path.ends_with(kHtml)) {
      const auto name = without(path, kHtml);
      if (auto to = send(path, name, mayRedirect)) return *to;
      if (auto to = send(join(name, kIndexHtml), name, mayRedirect)) return *to;
    }
    if (exact) return serve(*exact);
    if (const auto page = files.find(join(path, kHtml))) return serve(*page);
    if (const auto index = files.find(join(path, kIndexHtml))) return serve(*index);
    return missing(path);
  }
};

}  // namespace

std::optional<HtmlHandling> parseHtmlHandling(std::string_view text) {
  if (text == "auto-trailing-slash") return HtmlHandling::kAutoTrailingSlash;
  if (text == "force-trailing-slash") return HtmlHandling::kForceTrailingSlash;
  if (text == "drop-trailing-slash") return HtmlHandling::kDropTrailingSlash;
  if (text == "none") return HtmlHandling::kNone;
  return std::nullopt;
}

std::optional<NotFoundHandling> parseNotFoundHandling(std::string_view text) {
  if (text == "none") return NotFoundHandling::kNone;
  if (text == "404-page") return NotFoundHandling::k404Page;
  if (text == "single-page-application") return NotFoundHandling::kSinglePageApplication;
  return std::nullopt;
}

Resolution resolve(const FileTable& files, std::string_view path, HtmlHandling html, NotFoundHandling notFound) {
  return Resolver{files, html, notFound}.find(path, true);
}

}  // namespace weir::assets
