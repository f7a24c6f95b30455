// Which zones a call may see, and who may change them. docs/decisions/0016-who-may-claim-host-names.md.
#pragma once

#include <boost/json/object.hpp>

#include "catalog/zone.h"
#include "control/api_context.h"
#include "control/api_request.h"

namespace weir::control {

// The zone that `:zone` names, by its id or name; 7003 for one that the caller does not reach, as for one that is not
// there.
ApiTry<catalog::Zone> zoneOf(ApiContext& context, const ApiRequest& request);

// What only the operator may do, with a token for every account: 10023 for others.
std::optional<ApiError> refuseUnlessOperator(const ApiRequest& request, std::string_view what);

// The zone of the account that the host name lies in; 100112 where there is none, or another account's is closer.
ApiTry<catalog::Zone> zoneFor(ApiContext& context, std::string_view account, std::string_view hostname);

// A zone that a body names by `zone_id` or `zone_name`; nullopt when it names none. Of the account.
ApiTry<std::optional<catalog::Zone>> namedZone(ApiContext& context, std::string_view account,
                                               const boost::json::object& body);

// Whether there is something to route to: in the catalog, or in weir.toml.
bool scriptExists(ApiContext& context, std::string_view account, std::string_view script);

// A member that is a string; nullopt: it is absent or null. Error: it is something else.
ApiTry<std::optional<std::string>> textMember(const boost::json::object& body, std::string_view name);
ApiTry<std::optional<bool>> flagMember(const boost::json::object& body, std::string_view name);

}  // namespace weir::control
