// Authenticator: who asks the management API, and what they may do there.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "control/api_error.h"
#include "http/message.h"

namespace weir::control {

// A value.
struct Principal {
  std::string id;     // of the token or key: what an audit names
  std::string name;   // what people call it
  std::string email;  // the author of what it changes
  bool everyAccount = false;
  std::vector<std::string> accounts;  // ids; when not every one
  bool mayWrite = false;
  std::vector<std::string> scripts;  // names that it reaches; empty: all

  bool reaches(std::string_view account) const {
    return everyAccount || std::find(accounts.begin(), accounts.end(), account) != accounts.end();
  }
  bool reachesScript(std::string_view script) const {
    return scripts.empty() || std::find(scripts.begin(), scripts.end(), script) != scripts.end();
  }
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // `catalog` is the calling thread's. Any thread, several at once.
  virtual base::Result<Principal, ApiError> authenticate(catalog::Catalog& catalog, const http::RequestHead& head,
                                                         std::string_view remoteIp) = 0;
};

}  // namespace weir::control
