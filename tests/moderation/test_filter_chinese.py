"""Chinese as it is written by those who would not be found, and words that only seem to stand in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.filter import Entry, TextFilter
from moderation.filter.checks import contacts, links
from moderation.filter.folded import folded
from moderation.filter.segments import is_cut
from moderation.filter.tables import common

BUNDLED = TextFilter.load()
LISTS = TextFilter(
    [
        Entry("糟狗", "deny", category="insult", apart=True, reverse=True),
        Entry("烂透主", "deny", category="profanity", initials=True, apart=True, homophones=True),
    ]
)


@pytest.mark.parametrize(
    "text",
    [
        "打开房门就看到了", "富有感情色彩的书", "这款低能耗吗", "水乳交融的口感", "大床带单床的房间",
        "考虑一下流苏款",
        "门口交通方便吗", "能买粉色的吗", "相互关怀", "百度搜索一下", "包装B款在哪", "转变态度",
        "买笔记本送鼠标",
        "够在自己家用吗", "橄榄油和大麻花", "三公斤的米", "这个多少钱包邮吗", "修电脑包换屏",
    ],
)  # fmt: skip
def test_what_two_other_words_share_is_no_word(text: str) -> None:
    assert BUNDLED.check(text).action == "allow"


@pytest.mark.parametrize(
    "text", ["包夜吗", "开房吗小姐", "你真是脑残", "主播脑残", "卖白粉的", "有大麻吗", "滚出直播间吧废物"]
)
def test_a_word_is_found_where_it_is_one(text: str) -> None:
    assert BUNDLED.check(text).action != "allow"


@given(
    st.text(st.sampled_from("abc 12。，!🙂"), max_size=3),
    st.text(st.sampled_from("xyz 89？～🙂"), max_size=3),
)
def test_a_word_by_itself_is_never_cut(before: str, after: str) -> None:
    text = f"{before}糟狗{after}"
    assert not is_cut(text, len(before), len(before) + 1, Entry("糟狗", "deny"))


def test_entries_that_say_where_they_may_stand_are_taken_at_their_word() -> None:
    text = "面包夜宵"
    assert is_cut(text, 1, 2, Entry("包夜", "deny"))
    assert not is_cut(text, 1, 2, Entry("包夜", "deny", match="substring"))
    assert TextFilter([Entry("包夜", "deny")]).check(text).action == "allow"
    assert TextFilter([Entry("包夜", "deny", "substring")]).check(text).action == "deny"


def test_what_is_made_of_a_listed_word_is_no_cover_for_it() -> None:
    assert common()["无耻之徒"]
    assert TextFilter([Entry("无耻", "deny")]).check("真是无耻之徒").action == "deny"


def test_the_table_of_common_words_is_whole() -> None:
    table = common()
    assert len(table) > 50_000
    assert table["的"] > table["面包"] > table["流苏"] - 1 > 0
    assert all(1 <= len(word) <= 8 and 0 < often < 52 for word, often in table.items())


@pytest.mark.parametrize("text", ["内存条8G的vivo", "是thinkpad的键盘", "USB的实体店", "cpu的存太多"])
def test_no_english_word_is_read_across_chinese(text: str) -> None:
    assert BUNDLED.check(text).action == "allow"


@pytest.mark.parametrize("text", ["5200mA的电池", "电池5000 mah的", "45nm的cpu", "16 TM的硬盘"])
def test_units_behind_a_figure_are_no_initials(text: str) -> None:
    assert BUNDLED.check(text).action == "allow"


@pytest.mark.parametrize(
    "text",
    [
        "糟1狗", "狗糟", "米曹狗", "糟犭句", "烂8透7主", "烂t主", "烂tou主", "烂tou主呀", "烂*主", "烂透×",
        "lan4tou4zhu3", "lan4tou4zhu", "lan tou zhu", "l a n t o u z h u", "阑头住", "火兰透主",
        "烂 t0u 主",
        "糟.狗", "糟🐕", "烂 t o u 主", "烂x透x主", "米曹gou", "zao犭句",
    ],
)  # fmt: skip
def test_costumes_of_chinese_words_are_seen_through(text: str) -> None:
    assert LISTS.check(f"就是{text}").action == "deny"


@pytest.mark.parametrize("text", ["糟3件狗", "狗和糟", "烂2透明主图", "米的狗", "*主", "烂**图", "透主"])
def test_what_only_resembles_a_costume_is_innocent(text: str) -> None:
    assert LISTS.check(text).action == "allow"


@pytest.mark.parametrize(
    "text",
    [
        "鲨比主播", "你个砂碧", "绿茶裱", "脑馋吧你", "制杖一个", "你妈亖了", "全家四光", "尼马死了",
        "去4吧", "傻、逼", "婊。子",
        "屌你老味", "冚家铲", "臭閪", "你条仆街", "戆鸠", "哭夭喔", "干恁娘", "塞林老师", "瓜娃子",
        "砍脑壳的", "册那",
        "草🐴", "吃💩去吧", "全家💀光", "傻🍺", "你🐎死了", "尸穴", "装13", "你个2b",
        "贱r", "婊z", "lj主播", "大sb",
        "贱忍", "搔货", "废勿", "女干淫", "去矢吧", "才喿你女马", "贝戈人", "gan lin niang", "大傻冒",
        "缺钱花找我", "线上借款", "亚博体育", "知道你家在哪",
    ],
)  # fmt: skip
def test_families_of_abuse_are_found(text: str) -> None:
    assert BUNDLED.check(text).action in ("mask", "deny")


@pytest.mark.parametrize(
    "text",
    [
        "2B铅笔有吗", "伞兵裤什么码", "司马懿手办", "出生日期", "雪花飞舞的杯子", "啥比较好用",
        "跟啥比都好", "鸟嘴壶",
        "姜黄粉", "走地鸡", "猪肠粉", "生叉烧", "三小时到", "手冲咖啡", "橡皮刻章", "证件照",
        "菠菜种子", "双飞粉",
        "这颜色好骚气", "我胸好大穿什么码", "🍺两箱", "💰多少", "💀图案的T恤", "尼玛县", "母狗绝育",
        "轻微色差", "微星B660主板",
        "小王八点半来", "晚上煮鸡吧", "蟹肉棒极了", "裹上滚蛋液", "啥比这好", "nmd跑鞋", "我要喊单",
        "我就是个穷鬼", "笑得像个疯子", "流氓兔公仔", "乡巴佬卤蛋", "妈的生日", "给他妈买的", "插头能插进去",
        "一比一兑水", "有无套餐", "约泡面", "千人骑行", "卤猪头肉", "骗纸牌", "一加信号 abc12", "女主播台",
    ],
)  # fmt: skip
def test_innocent_neighbours_of_those_families_are_left_alone(text: str) -> None:
    assert BUNDLED.check(text).action == "allow"
    assert not contacts.find(folded(text).views)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("qq", "扣裙 55667788"), ("qq", "加裙998877665"), ("qq", "裙号：11223344"),
        ("wechat", "葳信 lulu_99"),
        ("wechat", "绿泡泡：bao88go"), ("telegram", "✈：shop_vip1"), ("telegram", "蝙蝠号 bat_888"),
        ("line", "赖: mimi77"),
        ("qq", "扣扣 三三五 五七七 九九"), ("qq", "裙號 335 577 991"), ("wechat", "嘉魏 ❤ lu_99"),
        ("wechat", "力口亻言 lulu99"), ("line", "加賴 id: mimi77"), ("phone", "139oo13ooo1"),
        ("email", "lulu99艾特一二六点康姆"), ("telegram", "飞🐔：mimi77"), ("social", "微博同号 mimi77"),
        ("social", "抖音号：dada6688"), ("social", "小红书号：abc9988"), ("wechat", "徽: kk1388"),
    ],
)  # fmt: skip
def test_messengers_are_known_by_their_nicknames(code: str, text: str) -> None:
    assert code in [found[0] for found in contacts.find(folded(text).views)]


@pytest.mark.parametrize(
    "text",
    [
        "裙号 38 39 40 41 42", "加芯片", "加信封", "l38 码", "i3 9100f", "无限加卫衣 2 件",
        "安徽 123456 件", "无赖 id888", "群里 3 点开抢", "为新iphone15换壳", "入群裙子",
    ],
)  # fmt: skip
def test_words_with_the_same_characters_announce_nobody(text: str) -> None:
    assert not contacts.find(folded(text).views)


@pytest.mark.parametrize(
    "text",
    [
        "看 dada99 点 com", "dada99點cc", "d a d a 9 9 。t o p", "三达不溜点dada99点康姆",
        "w w w 。dada99 。c o m", "t点me斜杠dada99",
        "dada99点抗姆",
        "复制 ￥k8Jd93LmQ￥", "€aa7bb8cc9€", "3w点dada99点cn",
    ],
)  # fmt: skip
def test_addresses_that_are_read_out_are_links(text: str) -> None:
    found = links.find(text, folded(text).views)
    assert found
    assert all(link.disguised for link in found)


@pytest.mark.parametrize(
    "text", ["晚上 8 点 online 见", "12 点 vip 专场", "￥199￥", "$19.99 $29.99", "三达不溜冰鞋", "3 点 com"]
)
def test_hours_and_prices_are_no_links(text: str) -> None:
    assert not links.find(text, folded(text).views)


@pytest.mark.parametrize("text", ["微信iPhone15能用吗", "微信 vivo200 版", "飞机ipad11支架"])
def test_a_device_with_its_number_is_nobodys_id(text: str) -> None:
    assert not contacts.find(folded(text).views)


@pytest.mark.parametrize(
    "text",
    [
        "脑壳是不是被门夹了", "这种货色也敢播", "绝户玩意", "露个奶", "跟着导师买", "代开各类发票",
        "黑户也能贷", "狗币主播",
        "脑子不够用", "东北人滚", "简介有链接",
    ],
)  # fmt: skip
def test_common_turns_of_scorn_and_of_offers_are_found(text: str) -> None:
    assert BUNDLED.check(text).action != "allow"
