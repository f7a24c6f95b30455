// Site: the static assets of one version as they answer requests: its files, how paths find them, and the rules of its
// _headers and _redirects.
//
// Story of one request to the version: choose() says whether the Worker gets it or the assets → answer() says with
// what: a redirect of _redirects first, then a file, the canonical spelling of the path to one, or the not-found
// handling; _headers last. Whoever sends the answer fetches the file's content by its number.
//
// Threads: any, concurrently; immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assets/file_table.h"
#include "assets/headers.h"
#include "assets/redirects.h"
#include "assets/resolution.h"
#include "assets/worker_first.h"
#include "base/result.h"
#include "http/header_list.h"

namespace weir::assets {

// What a version says of its assets besides the files: `config` of the upload's metadata.
struct SiteConfig {
  HtmlHandling html = HtmlHandling::kAutoTrailingSlash;
  NotFoundHandling notFound = NotFoundHandling::kNone;
  WorkerFirst workerFirst;
  Redirects redirects;
  HeaderRules headers;

  // `json` is an object; empty text is an empty one. Members that nobody knows are ignored. The error is the client's:
  // which member is wrong, and how. `problems` are of lines of _headers and _redirects and no error.
  static base::Result<SiteConfig> parse(std::string_view json, std::vector<std::string>& problems);
};

// A request as an answer depends on it. Views borrow.
struct SiteRequest {
  std::string_view method;
  bool https = false;
  std::string_view authority;  // host[:port]
  std::string_view target;     // path and query
  const http::HeaderList& headers;
};

struct SiteAnswer {
  uint16_t status = 200;
  http::HeaderList headers;  // without the length
  bool ofFile = false;       // a file answers, whether or not any of it is sent
  // What the body is of; views borrow from the site. Nothing: the body is empty.
  std::optional<File> file;
  // The part of the file that is sent.
  uint64_t from = 0;
  uint64_t to = 0;  // behind the last byte
  bool headOnly = false;
};

class Site {
 public:
  // `navigationPrefersAssets`: a browser that navigates gets the not-found handling instead of the Worker
  // (compatibility flag assets_navigation_prefers_asset_serving).
  Site(FileTable files, SiteConfig config, bool navigationPrefersAssets)
      : files_(std::move(files)), config_(std::move(config)), navigationPrefersAssets_(navigationPrefersAssets) {}

  // Whether a request from outside goes to the Worker of the version, if it has one.
  bool isForWorker(const SiteRequest& request) const;
  SiteAnswer answer(const SiteRequest& request) const;

  const FileTable& files() const { return files_; }

 private:
  struct Found;
  Found find(const SiteRequest& request, std::string_view path, NotFoundHandling notFound) const;

  const FileTable files_;
  const SiteConfig config_;
  const bool navigationPrefersAssets_;
};

}  // namespace weir::assets
