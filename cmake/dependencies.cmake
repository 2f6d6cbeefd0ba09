# Everything comes from Debian 12 packages; README lists them, test/support/provision installs them.
set(Boost_USE_STATIC_LIBS ON)
set(Protobuf_USE_STATIC_LIBS ON)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json container filesystem)
find_package(Protobuf 3.21 REQUIRED)
find_package(fmt REQUIRED)
