// ApiServer: the management API: from an HTTP exchange to an endpoint and back.
//
// Story of a call: its path is matched on the control loop → a worker thread asks who it is, before any more of its
// body is read → the body is read, within bounds, and decompressed → the worker runs the endpoint, which may wait for
// the store or for a check → the loop sends the answer. Each worker has a catalog of its own.
//
// Bounds: calls that wait or run, and the bytes of bodies that all of them hold. A call above them is answered 503.
//
// Threads: `take` on the loop's; endpoints on the workers'.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <vector>

#include "control/api_context.h"
#include "control/api_router.h"
#include "control/authenticator.h"
#include "http/server.h"
#include "net/loop.h"

namespace weir::control {

class ApiCall;

class ApiServer {
 public:
  struct Options {
    Authenticator& authenticator;  // borrowed
    std::function<catalog::Result<std::unique_ptr<catalog::Catalog>>()> openCatalog;
    ApiParts parts;
    std::string docsUrl;  // EdgeLoop::Options::errorDocsUrl
    uint32_t workers = 8;
    size_t callsMax = 256;
    size_t bodyBytesMax = 512u << 20;
  };
  // `loop` runs the exchanges; it outlives this.
  ApiServer(net::Loop& loop, Options options);
  // Nothing is answered any more. The loop is not running.
  ~ApiServer();

  static bool owns(const http::RequestHead& head) { return ApiRouter::owns(head.target); }
  void take(http::Exchange& exchange);

  // Whether the client of a request may change a script of an account (name or id; empty: the first one). `then` is
  // told on the loop's thread: the account's id, or why not.
  using Authorized = base::Result<std::string, ApiError>;
  void authorize(const http::RequestHead& head, std::string_view remoteIp, std::string account, std::string script,
                 std::function<void(Authorized)> then);

  const ApiRouter& router() const { return router_; }

 private:
  friend class ApiCall;
  using Work = std::function<void(catalog::Catalog*)>;  // null: it cannot be opened

  void submit(Work work);
  void work();

  net::Loop& loop_;
  const Options options_;
  const ApiRouter router_;
  std::unordered_set<std::shared_ptr<ApiCall>> calls_;  // loop thread
  size_t bodyBytes_ = 0;                                // that they hold; loop thread
  std::mutex mutex_;                                    // of the rest
  std::condition_variable wake_;
  std::deque<Work> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace weir::control
