/**
 * A plan that a waiting guest runs before it has a task: it goes through what plans are made of, from text to
 * value, so that the engine's code is compiled when the task comes. It says nothing of the task and leaves nothing.
 *
 * @module
 */

/** How often it runs before a guest is ready; bench/pool.ts shows what it gives. */
export const EXERCISE_TURNS = 30;

export const EXERCISE = `
;; Everything a usual plan has.
(deftype Order [:map [:id :int] [:total :float] [:tags [:vector :string]]])
(defmacro unless-zero [n & body] \`(if (= ~n 0) nil (do ~@body)))
(defn price [{:keys [count unit] :or {count 1}}] (* count unit))
(defn classify [n]
  (match n
    0 :none
    x when (> x 100) :many
    _ :some))
(defn describe [order] (str "order " (:id order) ": " (classify (:total order)) " " (get order :note "-")))
(def orders [{:id 1 :total 10 :lines [{:count 2 :unit 5}]} {:id 2 :total 120 :lines [{:unit 120}]}])
(let [totals (map (fn [order] (reduce + 0 (map price (:lines order)))) orders)
      big (filter (fn [order] (> (:total order) 100)) orders)
      by-id (reduce (fn [all order] (assoc all (:id order) order)) {} orders)]
  (step "gather" (call :exercise.echo {:url "https://example.test/" :method "GET" :tags ["a" "b"]}))
  (step "decide"
    (try
      (if (empty? big) (throw {:type :none}) (call :exercise.echo (describe (first big))))
      (catch e (str "failed: " (:message e)))))
  (loop [n 0 sum 0] (if (< n 10) (recur (+ n 1) (+ sum n)) sum))
  (unless-zero (count totals)
    {:totals totals :big (count big) :names (sort (map str (keys by-id))) :first (get-in by-id [1 :lines 0 :count])
     :parts (for [x [1 2 3]] (* x x)) :text (str "total " (apply + totals))}))
`;
