// Scripts, versions and deployments as the API shows them (reference/management-api.md §8).
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>

#include "catalog/script.h"

namespace weir::control {

// JSON text of the catalog; empty when it is not what it should be.
boost::json::object parseObject(std::string_view text, boost::json::storage_ptr storage = {});
boost::json::array parseArray(std::string_view text);

// Of a script as such: equal as long as it is the same one.
std::string tagOf(const catalog::Script& script);

// `newest` null: it has no version.
boost::json::object scriptJson(const catalog::Script& script, const catalog::Version* newest,
                               boost::json::storage_ptr storage = {});
boost::json::object versionJson(const catalog::Version& version, bool hasPreview);
boost::json::object deploymentJson(const catalog::Deployment& deployment);

}  // namespace weir::control
