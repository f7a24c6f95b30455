#include "web/natives.h"

#include <vector>

#include "web/clone/clone.h"
#include "web/compression/compression.h"
#include "web/crypto/crypto.h"
#include "web/encoding/encoding.h"
#include "web/node/inspection.h"
#include "web/promises/promises.h"
#include "web/url/url.h"

namespace weir::web {

std::span<const js::Native> natives() {
  static const std::vector<js::Native> all = [] {
    std::vector<js::Native> list;
    for (auto group : {encoding::natives(), url::natives(), crypto::natives(), clone::natives(), promises::natives(),
                       compression::natives(), node::natives()}) {
      list.insert(list.end(), group.begin(), group.end());
    }
    return list;
  }();
  return all;
}

}  // namespace weir::web
