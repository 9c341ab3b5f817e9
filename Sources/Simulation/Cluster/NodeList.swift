extension ClusterModel {
    /// The Nodes of a cluster in the order of their names, in which they are read many times more often than one comes or goes.
    package struct NodeList: Codable, Sendable, Equatable {
        package private(set) var values: [Node] = []

        package init() {}

        package var names: [String] { values.map(\.registration.name) }

        /// Where the one of that name stands, or would stand.
        private func search(_ name: String) -> (place: Int, isThere: Bool) {
            var (low, high) = (0, values.count)
            while low < high {
                let middle = (low + high) / 2
                if values[middle].registration.name < name { low = middle + 1 } else { high = middle }
            }
            return (low, low < values.count && values[low].registration.name == name)
        }

        package func place(of name: String) -> Int? {
            let (place, isThere) = search(name)
            return isThere ? place : nil
        }

        package subscript(name: String) -> Node? {
            get { place(of: name).map { values[$0] } }
            set {
                let (place, isThere) = search(name)
                switch newValue {
                case let node? where isThere: values[place] = node
                case let node?: values.insert(node, at: place)
                case nil where isThere: values.remove(at: place)
                case nil: break
                }
            }
        }

        /// In place, for its heartbeat is noted at every turn.
        package subscript(place place: Int) -> Node {
            get { values[place] }
            _modify { yield &values[place] }
        }
    }
}
