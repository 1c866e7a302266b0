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

/// How far a search goes from its centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GeoArea {
    /// This far in all directions.
    Radius(f64, GeoUnit),
    /// Half as far each way as the box is wide and high.
    Box(f64, f64, GeoUnit),
}

impl ToArgs for GeoArea {
    fn write_args(&self, cmd: &mut Cmd) {
        match self {
            Self::Radius(radius, unit) => ("BYRADIUS", radius, unit).write_args(cmd),
            Self::Box(width, height, unit) => ("BYBOX", width, height, unit).write_args(cmd),
        }
    }
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
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// use slotway::{GeoCenter, GeoUnit};
    ///
    /// client.geoadd("cities", [(13.4, 52.5, "berlin"), (2.35, 48.85, "paris")]).await?;
    /// let center = GeoCenter::Place("paris");
    /// let near: Vec<String> =
    ///     client.geosearch("cities", center, 1000.0, GeoUnit::Kilometres).await?;
    /// # Ok(())
    /// # }
    /// ```
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

    /// The places of an area, the nearest first and up to `max` of them, with how far each is from the
    /// centre: a list of pairs of name and distance, in the area's unit.
    pub async fn geosearch_with_distances<T: FromValue>(
        &self,
        key: impl ToArg,
        center: GeoCenter<'_>,
        area: GeoArea,
        max: Option<u64>,
    ) -> Result<T, Error> {
        let count = max.map(|max| ("COUNT", max));
        let search = cmd("GEOSEARCH").arg(key).arg(center).arg(area);
        self.run(search.arg("ASC").arg(count).arg("WITHDIST")).await
    }

    /// Keeps the places of an area in `to`, a key of the same slot, and returns how many that are. With
    /// [`zrange`](Self::zrange) they come in the order of their geohashes.
    pub async fn geosearchstore(
        &self,
        to: impl ToArg,
        key: impl ToArg,
        center: GeoCenter<'_>,
        area: GeoArea,
    ) -> Result<u64, Error> {
        self.run(cmd("GEOSEARCHSTORE").arg(to).arg(key).arg(center).arg(area)).await
    }
}
