"""What the simulated shop sells: 48 leaf categories, 24 items in each, fixed for every seed."""

from typing import Final

import numpy as np
import pyarrow as pa

TREE: Final = {
    "服饰/鞋": {"运动鞋": 399, "皮鞋": 459, "凉鞋": 159, "靴子": 529},
    "服饰/女装": {"连衣裙": 269, "衬衫": 179, "外套": 499, "半身裙": 189},
    "服饰/男装": {"商务西装": 1299, "休闲裤": 219, "T恤": 99, "夹克": 459},
    "电子产品/手机": {"智能手机": 3299, "手机壳": 39, "充电器": 79},
    "电子产品/电脑": {"笔记本电脑": 5699, "显示器": 1299, "键盘": 259},
    "电子产品/影音": {"耳机": 499, "音箱": 359, "相机": 4299},
    "母婴/婴儿护理": {"纸尿裤": 129, "婴儿湿巾": 39, "婴儿洗护": 69},
    "母婴/喂养": {"奶粉": 289, "奶瓶": 89, "辅食": 45},
    "母婴/玩具": {"积木": 199, "绘本": 59},
    "美妆/护肤": {"面霜": 259, "防晒霜": 129, "洁面乳": 89},
    "美妆/彩妆": {"口红": 199, "粉底": 269},
    "家居/厨房": {"炒锅": 229, "餐具": 99, "保温杯": 119},
    "家居/家纺": {"四件套": 329, "枕头": 149, "毛巾": 49},
    "食品/零食": {"坚果": 69, "巧克力": 59, "饼干": 29},
    "食品/饮品": {"咖啡": 99, "茶叶": 189},
    "图书": {"小说": 45, "英语教材": 79, "童书": 39},
}
"""Branch of the category tree, its leaves, and the median price of each in yuan."""
BRANDS: Final = ("青禾", "北岸", "Lumo", "山行", "Kite", "一木")
PER_CATEGORY: Final = 24

CATEGORIES: Final = tuple(f"{branch}/{leaf}" for branch, leaves in TREE.items() for leaf in leaves)
"""Paths of the leaf categories, a category's place being its code."""
ITEMS: Final = tuple(f"i{place:04d}" for place in range(len(CATEGORIES) * PER_CATEGORY))
"""Item ids; item `i` belongs to category `i // PER_CATEGORY`, cheapest first."""


def prices() -> np.ndarray:
    """(items,) int64 price in cents: a category's items from a third of its median to about three times it."""
    medians = np.array([price for leaves in TREE.values() for price in leaves.values()], float)
    spread = np.exp(np.linspace(-1.1, 1.1, PER_CATEGORY))
    return (np.maximum(np.round(medians[:, None] * spread), 5).astype(np.int64) * 100 - 10).ravel()


def items_table() -> pa.Table:
    """`items.parquet`: item, category path, price in yuan, brand, title."""
    places = range(len(ITEMS))
    category = [CATEGORIES[i // PER_CATEGORY] for i in places]
    brand = [BRANDS[i % len(BRANDS)] for i in places]
    return pa.table(
        {
            "item": pa.array(ITEMS),
            "category": pa.array(category),
            "price": pa.array(prices() / 100),
            "brand": pa.array(brand),
            "title": pa.array(
                [
                    f"{b} {c.rsplit('/', 1)[1]} {i % PER_CATEGORY + 1}"
                    for i, b, c in zip(places, brand, category, strict=True)
                ]
            ),
        }
    )
