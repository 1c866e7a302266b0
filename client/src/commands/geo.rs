//! Places on earth, by longitude and latitude.

use crate::{Client, Cmd, Error, FromValue, ToArg, ToArgs, cmd};

/// A unit of length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GeoUnit {
    /// Metres.
    Metres,
    /// Kilometres.
    Kilometres,
    /// Miles.
    Miles,
    /// Feet.
    Feet,
}

/// What a search is around.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GeoCenter<'a> {
    /// A place of this name.
    Place(&'a str),
    /// A point on earth.
    Point {
        /// How far east, in degrees.
        longitude: f64,
        /// How far north, in degrees.
        latitude: f64,
    },
}

impl ToArgs for GeoUnit {
    fn write_args(&self, cmd: &mut Cmd) {
        let name = match self {
            Self::Metres => "m",
            Self::Kilometres => "km",
            Self::Miles => "mi",
            Self::Feet => "ft",
        };
        name.write_args(cmd);
    }
}

impl ToArgs for GeoCenter<'_> {
    fn write_args(&self, cmd: &mut Cmd) {
        match self {
            Self::Place(name) => ("FROMMEMBER", name).write_args(cmd),
            Self::Point { longitude, latitude } => {
                ("FROMLONLAT", longitude, latitude).write_args(cmd);
            }
        }
    }
}

impl Client {
    /// Adds places, given as triples of longitude, latitude and name. Returns how many are new.
    pub async fn geoadd(&self, key: impl ToArg, places: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("GEOADD").arg(key).arg(places)).await
    }

    /// Where these places are: longitude and latitude, in their order.
    pub async fn geopos(
        &self,
        key: impl ToArg,
        places: impl ToArgs,
    ) -> Result<Vec<Option<(f64, f64)>>, Error> {
        self.run(cmd("GEOPOS").arg(key).arg(places)).await
    }

    /// How far two places are from each other.
    pub async fn geodist(
        &self,
        key: impl ToArg,
        one: impl ToArg,
        other: impl ToArg,
        unit: GeoUnit,
    ) -> Result<Option<f64>, Error> {
        self.run(cmd("GEODIST").arg(key).arg(one).arg(other).arg(unit)).await
    }

    /// The geohash of each of these places, in their order.
    pub async fn geohash(
        &self,
        key: impl ToArg,
        places: impl ToArgs,
    ) -> Result<Vec<Option<String>>, Error> {
        self.run(cmd("GEOHASH").arg(key).arg(places)).await
    }

    /// The names of the places within `radius` of a centre, the nearest first.
    pub async fn geosearch<T: FromValue>(
        &self,
        key: impl ToArg,
        center: GeoCenter<'_>,
        radius: f64,
        unit: GeoUnit,
    ) -> Result<T, Error> {
        self.run(
            cmd("GEOSEARCH").arg(key).arg(center).arg("BYRADIUS").arg(radius).arg(unit).arg("ASC"),
        )
        .await
    }
}
